/* people.c - connections of the people's door. */
#include "people.h"

#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include "peer.h"

/* Encrypted bytes that may wait for a slow browser before the HTTP server is made to wait. */
#define AHEAD_MAX ((size_t)65536)

/* While bytes wait for the browser, it is checked this many times in people_setup.unread_ms whether
 * the browser took at least TAKEN_MIN of them. Fewer count as none: a byte now and then would hold
 * the place for ever. */
#define UNREAD_LOOKS 6
/* Where the server has hung up already the place is wanted sooner. At 64 kbit/s a reader that took
 * 64 KiB takes nothing for 8 s, so one look is too few. */
#define HUNG_UP_LOOKS 2
#define TAKEN_MIN 512

struct person {
    struct tls_peer tls; /* tls.owner is the door, tls.node in door->people */
    uint64_t id;
    struct pass *pass;
    char source[ADMISSION_SOURCE_TEXT];
    struct sockaddr_storage from;
    uv_pipe_t pair; /* our end */
    bool paired;    /* the handle must be closed */
    bool handed;    /* the core got the other end */
    bool ending;    /* the server has said all: close when the last byte is out */
    bool tls_closed;
    size_t waiting; /* plain bytes that the pair has not taken */

    struct berth_timer look; /* runs while bytes wait for the browser */
    size_t left;             /* that it had not taken at the last look */
    size_t added;            /* since then */
    int looks_in_vain;
};

struct plain_write {
    uv_write_t request;
    struct person *person;
    size_t size;
    char bytes[];
};

static struct door *door_of(const struct person *person)
{
    return person->tls.owner;
}

static void maybe_free(struct person *person)
{
    struct door *door = door_of(person);

    if (person->paired || !person->tls_closed)
        return;
    list_remove(&person->tls.node);
    free(person);
    door_maybe_stop(door);
}

static void pair_closed(uv_handle_t *handle)
{
    struct person *person = container_of((uv_pipe_t *)(void *)handle, struct person, pair);

    person->paired = false;
    maybe_free(person);
}

static void close_pair(struct person *person)
{
    if (person->paired && !uv_is_closing((uv_handle_t *)&person->pair))
        uv_close((uv_handle_t *)&person->pair, pair_closed);
}

/* ---- from the browser to the server ---- */

static void plain_written(uv_write_t *request, int status)
{
    struct plain_write *write = container_of(request, struct plain_write, request);
    struct person *person = write->person;

    person->waiting -= write->size;
    berth_wipe_free(write, sizeof(*write) + write->size);
    if (status < 0)
        tls_close(&person->tls, BERTH_OK, "the server closed");
    else if (person->waiting == 0)
        tls_resume(&person->tls);
}

static int on_bytes(struct tls_peer *tls, const void *bytes, size_t size)
{
    struct person *person = container_of(tls, struct person, tls);
    uv_buf_t buffer = uv_buf_init((char *)(uintptr_t)bytes, (unsigned)size);
    int sent = person->waiting ? 0 : uv_try_write((uv_stream_t *)&person->pair, &buffer, 1);
    struct plain_write *write;
    size_t rest;

    if (sent < 0 && sent != UV_EAGAIN)
        return berth_fail(&tls->error, BERTH_E_IO, "the server is gone: %s", uv_strerror(sent));
    rest = size - (size_t)(sent > 0 ? sent : 0);
    if (rest == 0)
        return 0;

    write = berth_alloc(sizeof(*write) + rest);
    write->person = person;
    write->size = rest;
    memcpy(write->bytes, (const char *)bytes + (size - rest), rest);
    buffer = uv_buf_init(write->bytes, (unsigned)rest);
    if (uv_write(&write->request, (uv_stream_t *)&person->pair, &buffer, 1, plain_written) < 0) {
        berth_wipe_free(write, sizeof(*write) + rest);
        return berth_fail(&tls->error, BERTH_E_IO, "the server is gone");
    }
    person->waiting += rest;
    tls_pause(tls);
    return 0;
}

/* ---- from the server to the browser ---- */

static void give_buffer(uv_handle_t *handle, size_t suggested, uv_buf_t *ret)
{
    struct person *person = container_of((uv_pipe_t *)(void *)handle, struct person, pair);

    (void)suggested;
    *ret = uv_buf_init(door_of(person)->loop.read_buffer, LOOP_READ_BUFFER);
}

/* That the browser's kernel has not taken: ours of the library, and of our kernel. The kernel alone
 * holds megabytes, and takes more only when much of it is gone. */
static size_t left_for(struct person *person)
{
    size_t left = uv_stream_get_write_queue_size((uv_stream_t *)&person->tls.tcp);
    uv_os_fd_t descriptor;
    int in_kernel = 0;

    if (uv_fileno((uv_handle_t *)&person->tls.tcp, &descriptor) == 0 &&
        ioctl(descriptor, TIOCOUTQ, &in_kernel) == 0 && in_kernel > 0)
        left += (size_t)in_kernel;
    return left;
}

/* While the pair is not read its end is not told. */
static bool server_has_hung_up(const struct person *person)
{
    struct pollfd facts = { .events = POLLRDHUP };

    return person->ending ||
           (uv_fileno((const uv_handle_t *)&person->pair, &facts.fd) == 0 &&
            poll(&facts, 1, 0) > 0 && facts.revents & (POLLRDHUP | POLLHUP | POLLERR));
}

static void look_again(struct person *person);

static void looked(struct berth_timer *timer)
{
    struct person *person = container_of(timer, struct person, look);
    size_t left = left_for(person);

    person->looks_in_vain++;
    if (person->left + person->added >= left + TAKEN_MIN)
        person->looks_in_vain = 0;
    if (person->looks_in_vain >= (server_has_hung_up(person) ? HUNG_UP_LOOKS : UNREAD_LOOKS)) {
        door_of(person)->house->counters.slow_readers++;
        tls_close(&person->tls, BERTH_E_TIMEOUT, "%s does not read its answer", person->source);
        return;
    }
    person->left = left;
    look_again(person);
}

static void look_again(struct person *person)
{
    struct door *door = door_of(person);

    person->added = 0;
    timer_start(&door->loop.timers, &person->look, door->house->people_unread_ms / UNREAD_LOOKS + 1,
                looked);
}

/* Give it to the browser; where it does not take all at once, it is watched until it did. */
static void give(struct person *person, const char *bytes, size_t size)
{
    bool watched = person->tls.queued > 0;

    if (tls_write(&person->tls, bytes, size) < 0 || person->tls.queued == 0)
        return;
    person->added += size;
    if (watched)
        return;
    person->left = left_for(person);
    person->looks_in_vain = 0;
    look_again(person);
}

static void pair_read(uv_stream_t *stream, ssize_t got, const uv_buf_t *buffer)
{
    struct person *person = container_of((uv_pipe_t *)(void *)stream, struct person, pair);

    if (got == 0 || person->tls.closing)
        return;
    if (got < 0) {
        (void)uv_read_stop(stream);
        person->ending = true;
        if (person->tls.queued == 0)
            tls_close(&person->tls, BERTH_OK, "the server closed");
        return;
    }
    give(person, buffer->base, (size_t)got);
    if (person->tls.queued > AHEAD_MAX)
        (void)uv_read_stop(stream);
    explicit_bzero(buffer->base, (size_t)got); /* answers may hold secrets that are shown once */
}

static void on_drained(struct tls_peer *tls)
{
    struct person *person = container_of(tls, struct person, tls);

    timer_stop(&tls->loop->timers, &person->look);
    if (person->ending)
        tls_close(tls, BERTH_OK, "the server closed");
    else if (person->paired && !uv_is_closing((uv_handle_t *)&person->pair))
        (void)uv_read_start((uv_stream_t *)&person->pair, give_buffer, pair_read);
}

/* ---- coming and going ---- */

static void hand_over(struct person *person, int descriptor)
{
    struct door_house *house = door_of(person)->house;
    struct people_mail *mail = berth_new(struct people_mail);

    mail->mail.run = house->people_taken;
    mail->house = house;
    mail->descriptor = descriptor;
    mail->from = person->from;
    person->handed = true;
    loop_post(house->core, &mail->mail);
}

static bool on_open(struct tls_peer *tls)
{
    struct person *person = container_of(tls, struct person, tls);
    struct door *door = door_of(person);
    int pair[2];

    if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, pair) < 0)
        return false;
    if (uv_pipe_init(&door->loop.uv, &person->pair, 0) < 0) {
        (void)close(pair[0]);
        (void)close(pair[1]);
        return false;
    }
    person->paired = true;
    if (uv_pipe_open(&person->pair, pair[0]) < 0 ||
        uv_read_start((uv_stream_t *)&person->pair, give_buffer, pair_read) < 0) {
        (void)close(pair[1]);
        return false;
    }
    admission_shaken(door->house->people, person->pass);
    door->house->counters.people++;
    hand_over(person, pair[1]);
    return true;
}

static void on_closed(struct tls_peer *tls, const struct berth_error *why)
{
    struct person *person = container_of(tls, struct person, tls);
    struct door *door = door_of(person);
    bool innocent = person->handed || why->code == BERTH_E_CLOSING;

    timer_stop(&door->loop.timers, &person->look);
    admission_left(door->house->people, person->pass, peer_penalty(why->code, innocent),
                   clock_mono_ms());
    if (person->handed)
        door->house->counters.people--;
    else if (!innocent)
        peer_note_failure(door, person->source, why);
    person->tls_closed = true;
    close_pair(person);
    maybe_free(person);
}

static const struct tls_events events = {
    .open = on_open, .bytes = on_bytes, .drained = on_drained, .closed = on_closed
};

void person_begin(struct door *door, const struct admission_newcomer *newcomer, struct pass *pass,
                  const struct sockaddr_storage *from)
{
    struct berth_error error = { 0 };
    struct person *person = berth_new(struct person);

    person->tls.owner = door;
    person->id = newcomer->id;
    person->pass = pass;
    person->from = *from;
    (void)snprintf(person->source, sizeof(person->source), "%s", newcomer->source->name);
    list_append(&door->people, &person->tls.node);
    if (tls_accept(&door->loop, door->contexts[DOOR_PEOPLE], newcomer->descriptor,
                   door->house->handshake_ms, &events, &person->tls, &error) == 0)
        return;
    admission_left(door->house->people, pass, PENALTY_NONE, clock_mono_ms());
    peer_note_failure(door, person->source, &error);
    list_remove(&person->tls.node);
    free(person);
}

void person_drop(struct door *door, uint64_t id)
{
    list_each (&door->people, node) {
        struct person *person = container_of(node, struct person, tls.node);

        if (person->id == id && !person->handed)
            tls_close(&person->tls, BERTH_E_BUSY,
                      "%s made no progress, and another needed its place", person->source);
    }
}

void people_close_all(struct door *door)
{
    list_each (&door->people, node)
        tls_close(list_entry(node, struct tls_peer, node), BERTH_E_CLOSING,
                  "the broker is stopping");
}
