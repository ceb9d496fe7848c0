/* fake_picture.c - a viewer's picture of a machine: it connects, logs on, and is judged. */
#include <stdio.h>
#include <string.h>

#include "fakes/fake_hypervisors_internal.h"

void machine_end_picture(struct machine *machine, int exit_code, const char *word)
{
    struct picture *picture = machine->picture;

    if (!picture)
        return;
    machine->picture = NULL;
    picture->machine = NULL;
    picture->ended(picture, exit_code, word);
}

/* With one account for all users, a logon gets the session that runs there. */
static void judge_inside(struct machine *machine, const struct picture *picture,
                         const char *account)
{
    if (!machine->hypervisor || strcmp(account, picture->user) == 0)
        return;
    if (machine->guest_user[0] && strcmp(machine->guest_user, picture->user) != 0)
        environment_fault(machine->hypervisors->environment,
                          "%s gets the running session of %s on %s", picture->user,
                          machine->guest_user, machine->name);
    (void)snprintf(machine->guest_user, sizeof(machine->guest_user), "%s", picture->user);
}

static bool may_log_on(const struct machine *machine, const char *account,
                       const struct secret *password, const char *user)
{
    if (strcmp(account, user) == 0) /* the user's own password, checked by the directory */
        return !secret_empty(password);
    return strcmp(machine->account, account) == 0 && !secret_empty(password) &&
           secret_equal(&machine->password, password);
}

/* The user's own password (NULL) belongs to no session, so the guest learns no epoch from it. */
static void record_admitted(const struct machine *machine, const struct picture *picture,
                            const struct secret *password)
{
    struct picture as_known = *picture;

    if (!password)
        as_known.epoch = 0;
    machine_record_guest(machine, history_guest_event_ADMITTED, &as_known, password);
}

static int log_on(struct machine *machine, struct picture *picture, const char *account,
                  const struct secret *password, const char **word)
{
    if (!may_log_on(machine, account, password, picture->user)) {
        machine_record_guest(machine, history_guest_event_REFUSED, picture, NULL);
        *word = "wrong-password";
        return 154;
    }
    if (machine->picture && machine->picture != picture) {
        machine_record_guest(machine, history_guest_event_DROPPED, machine->picture, NULL);
        machine_end_picture(machine, 5, "replaced");
    }
    record_admitted(machine, picture, strcmp(account, picture->user) == 0 ? NULL : password);
    judge_inside(machine, picture, account);
    machine->picture = picture;
    picture->machine = machine;
    (void)snprintf(machine->guest, sizeof(machine->guest), "active");
    (void)snprintf(machine->traces_of, sizeof(machine->traces_of), "%s", picture->user);
    return 0;
}

/* What must hold whenever a picture appears. */
static void judge_picture(const struct machine *machine, const struct picture *picture,
                          const char *traces_of)
{
    const struct fake_hypervisors *hypervisors = machine->hypervisors;

    if (traces_of[0] && strcmp(traces_of, picture->user) != 0 &&
        !hypervisors->traces_allowed(hypervisors->context, machine))
        environment_fault(hypervisors->environment, "%s sees what %s left on %s (I14)",
                          picture->user, traces_of, machine->name);
    if (picture->epoch < machine->epoch)
        environment_fault(hypervisors->environment, "epoch %lld takes %s back from epoch %lld (I6)",
                          (long long)picture->epoch, machine->name, (long long)machine->epoch);
}

int picture_open(struct picture *picture, struct fake_hypervisors *hypervisors,
                 const struct msg_show *show, const char **word)
{
    struct machine *machine = machine_at(hypervisors, show->host, (int)show->port);
    char traces_of[80];
    char fingerprint[72];
    int exit_code;

    if (!machine || !machine_answers(machine)) {
        *word = "network";
        return 147;
    }
    machine_fingerprint(machine, fingerprint);
    if (strcmp(fingerprint, show->fingerprint) != 0) {
        *word = "certificate";
        return 143;
    }
    picture->session_id = show->session_id;
    picture->epoch = show->epoch;
    copy_text(picture->user, show->user);
    copy_text(traces_of, machine->traces_of);
    exit_code = log_on(machine, picture, show->account, &show->password, word);
    if (exit_code)
        return exit_code;
    judge_picture(machine, picture, traces_of);
    if (show->epoch > machine->epoch)
        machine->epoch = show->epoch;
    return 0;
}

void picture_close(struct picture *picture)
{
    if (!picture->machine)
        return;
    picture->machine->picture = NULL;
    picture->machine = NULL;
}
