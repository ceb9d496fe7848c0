/* fake_hypervisors.h - the hypervisors and machines of a world; they live on when the broker dies.
 *
 * Module tests. A machine boots for some seconds until its RDP server answers; a new disk (a
 * generation) has new keys and no data of any user. Hypervisors carry out what berth-virt would
 * (struct hypervisor_job), send life-cycle events, sometimes late or twice, and keep a journal of
 * all calls. Stories set the faults.
 */
#ifndef BERTH_TESTS_FAKES_FAKE_HYPERVISORS_H
#define BERTH_TESTS_FAKES_FAKE_HYPERVISORS_H

#include "berth/map.h"
#include "berth/message.h"
#include "berth/secret.h"

#include "fakes/environment.h"
#include "virt/virt.h"

struct hypervisor;
struct fake_host;

/* A viewer's picture of a machine. Part of a fake terminal. */
struct picture {
    struct machine *machine; /* NULL: no picture */
    uint64_t session_id;
    int64_t epoch;
    char user[80];
    char terminal[64];
    /* The machine ended it: exit code and word as of the viewer. */
    void (*ended)(struct picture *picture, int exit_code, const char *word);
};

struct machine {
    struct list node;
    struct fake_hypervisors *hypervisors;
    struct hypervisor *hypervisor; /* NULL: an existing machine that is never started or stopped */
    char uuid[40];
    char name[80];
    char pool[64];
    uint64_t desktop_id;
    char address[64];
    int port;
    int64_t forward_port;
    char key[96]; /* "address:port" in the map */
    bool running;
    bool agent_silent; /* its guest agent never answers, until the machine is started anew */
    /* Made for a broker, or a berth-virt, that had died: the later one can only report it. */
    bool from_dead_broker;
    bool hidden;        /* a wrong list leaves it out */
    int64_t generation; /* of its disk */
    char image[64];     /* that the disk is based on */
    int64_t boots;
    int64_t answers_ms;     /* when its RDP server answers, monotonic */
    int64_t probe_delay_ms; /* time that it takes to answer a probe */
    char account[80];
    struct secret password;
    char guest[32];         /* what the guest says of its session */
    char guest_user[80];    /* owner of the session in its memory, "" = none */
    bool saved;             /* its memory is saved: a start resumes it unless told otherwise */
    char traces_of[80];     /* user who had its picture since its disk was made; "" = none */
    int64_t epoch;          /* highest that it was shown with */
    char last_terminal[64]; /* the thin client whose viewer came last, and for which session */
    uint64_t shown_session;
    struct picture *picture;
};

struct hypervisor {
    struct list node;
    struct fake_hypervisors *hypervisors;
    unsigned number; /* position among all */
    char name[64];
    char uri[256];
    bool up;              /* libvirtd runs */
    bool hung;            /* it accepts calls and does not answer */
    int fail_starts;      /* so many starts fail */
    int fail_deletes;     /* so many deletions fail */
    int busy_calls;       /* so many calls that act on a machine are refused as busy */
    int silent_boots;     /* so many boots never answer */
    int64_t slow_ms;      /* added to every action */
    int64_t agent_ms;     /* added to every action inside a guest */
    unsigned late, twice; /* percent of events that come late, or twice */
    struct list machines;
    struct list jobs;             /* accepted, not carried out yet */
    unsigned process;             /* of berth-virt: a count of its restarts */
    struct fake_host *broker_end; /* the broker's side, NULL while it is not connected */
};

/* One call that a hypervisor has accepted. */
struct hypervisor_job {
    struct list node;
    struct berth_timer timer;
    struct hypervisor *hypervisor;
    enum virt_call call;
    unsigned life;
    unsigned process;
    struct virt_args args;
    struct machine *starts; /* the machine that it starts: one at a time */
    bool slow;
    bool lost;
    bool recorded; /* its start is in the history, without a result yet */
    /* The answer; NULL when the caller has given up. */
    void (*answer)(void *context, int result, const struct virt_result *facts,
                   const struct berth_error *error);
    void *context;
};

struct call_record {
    int64_t at_ms;
    enum virt_call call;
    unsigned life; /* of the broker that asked */
    char machine[40];
    char host[24];
    int result;
};

#define CALL_RECORDS_MAX 4096

struct fake_hypervisors {
    struct environment *environment;
    struct list all;              /* the hypervisors */
    struct list machines;         /* without a hypervisor */
    struct list events_in_flight; /* events in flight */
    struct map by_uuid, by_address;
    unsigned next_address;
    unsigned life;                    /* number of the present broker: a count of starts */
    char bad_template[64];            /* a file that is not a valid template, or "" */
    char bad_image[256];              /* no disk can be made on this one, or "" */
    char dead_image[64];              /* no machine based on this one can be started, or "" */
    struct call_record *call_records; /* the last ones */
    uint64_t call_records_count;
    /* Called for an event that has arrived at the broker. */
    void (*event)(struct fake_host *broker_end, const struct virt_event *event);
    /* Called when a user gets the picture of a machine that another user has used. */
    bool (*traces_allowed)(void *context, const struct machine *machine);
    void *context;
};

struct fake_hypervisors *hypervisors_new(struct environment *environment);
void hypervisors_free(struct fake_hypervisors *hypervisors);

struct hypervisor *hypervisor_by_name(struct fake_hypervisors *hypervisors, const char *name);
struct hypervisor *hypervisor_by_uri(struct fake_hypervisors *hypervisors, const char *uri);
struct hypervisor *hypervisor_add(struct fake_hypervisors *hypervisors, const char *name,
                                  const char *uri);

/* An existing machine at an address. */
struct machine *machine_add_existing(struct fake_hypervisors *hypervisors, const char *name,
                                     const char *address, int port);

struct machine *machine_by_uuid(const struct fake_hypervisors *hypervisors, const char *uuid);
struct machine *machine_at(const struct fake_hypervisors *hypervisors, const char *address,
                           int port);

/* Accept a call; it is carried out some time later, unless the hypervisor hangs. */
struct hypervisor_job *
hypervisor_call(struct hypervisor *hypervisor, enum virt_call call, const struct virt_args *args,
                void (*answer)(void *, int, const struct virt_result *, const struct berth_error *),
                void *context);

/* The caller has given up; the job is carried out all the same. crashed: the caller has died and
 * must not ask for the same again before the world has settled; false: its deadline passed.
 */
void hypervisor_job_abandon(struct hypervisor_job *job, bool crashed);

/* It hangs from now on, or answers what has piled up (each with a chance of one half; the rest is
 * lost). */
void hypervisor_hang(struct hypervisor *hypervisor, bool hangs);

/* libvirtd ends: calls in flight are carried out or not, without an answer; machines run on. */
void hypervisor_drop_jobs(struct hypervisor *hypervisor);

/* A machine stops by itself. */
void machine_kill(struct machine *machine, const char *reason);

/* Its memory is saved and it is off, as its host does when it shuts down; and another program than
 * the broker starts it from there. */
void machine_save(struct machine *machine);
void machine_restore(struct machine *machine);

/* It disappears without a call of the broker. */
void machine_lose(struct machine *machine);

/* The user logs off inside the desktop. */
void machine_guest_logs_off(struct machine *machine);

/* Does its RDP server answer now? */
bool machine_answers(const struct machine *machine);
/* Fingerprint of the keys on its present disk, 64 hexadecimal digits. */
void machine_fingerprint(const struct machine *machine, char out[72]);

/* A viewer connects to the machine that `show` names, and logs on. 0, or the exit code of the
 * viewer with *word. The machine's earlier picture is dropped.
 */
int picture_open(struct picture *picture, struct fake_hypervisors *hypervisors,
                 const struct msg_show *show, const char **word);

/* The viewer disconnected; the session in the guest stays. */
void picture_close(struct picture *picture);

/* How often a call was carried out since then (0: in all); uuid NULL: for any machine. */
size_t hypervisors_count_calls(const struct fake_hypervisors *hypervisors, enum virt_call call,
                               const char *uuid, int64_t since_ms);

/* Does this call change a machine? */
bool virt_call_changes_machine(enum virt_call call);

#endif
