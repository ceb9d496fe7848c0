/* rdp_mitm.c - a man in the middle between a terminal and its desktop; run by
 * site_hostile_desktop.sh and site_session_resume.sh.
 *
 * usage: e2e-program-rdp_mitm LISTEN DESKTOP PLAIN OTHER PASSWORD-FILE     (each ADDRESS:PORT)
 *
 * A connection without a cookie is the broker's probe and always reaches DESKTOP. Words on standard
 * input, one a line, decide what happens to a viewer:
 *   honest   it reaches DESKTOP
 *   refuse   each request for TLS or NLA fails; the one for standard RDP security reaches PLAIN
 *   select   standard RDP security is selected, whatever was asked for
 *   old      the answer of a server that cannot negotiate: standard RDP security
 *   other    it reaches OTHER, which has another certificate
 *   gone     no connection succeeds, the broker's probe neither
 *   cut      every open connection is closed; later ones as before
 * Standard output reports, one line each: "ready", "asked PROTOCOLS" (of a viewer's
 * first packet), "plain" (a viewer goes on without TLS), "password" (found in what a viewer sent).
 */
#include <arpa/inet.h>
#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define PAIRS_MAX 16
#define REQUEST_MAX 512
#define FIRST_PACKET_S 10 /* close a viewer that sends nothing for so long */
#define PASSWORD_MAX 128

enum mode { HONEST, REFUSE, SELECT, OLD, OTHER, GONE };

static const char *const mode_names[] = { "honest", "refuse", "select", "old", "other", "gone" };

/* A viewer and the server it was given. */
struct pair {
    int viewer; /* -1: free */
    int server;
    size_t have; /* of its last data: a password may come in pieces */
    unsigned char tail[PASSWORD_MAX];
};

static struct pair pairs[PAIRS_MAX];
static struct sockaddr_in desktop, plain, other;
static unsigned char password[PASSWORD_MAX]; /* as RDP sends it: UTF-16 */
static size_t password_size;
static enum mode mode = HONEST;

static void give_up(const char *what)
{
    (void)fprintf(stderr, "rdp_middle: %s: %s\n", what, strerror(errno));
    exit(2);
}

static void tell(const char *line)
{
    (void)printf("%s\n", line);
    (void)fflush(stdout);
}

static struct sockaddr_in address_of(const char *text)
{
    struct sockaddr_in address = { .sin_family = AF_INET };
    const char *colon = strchr(text, ':');
    char host[64];

    if (!colon)
        give_up(text);
    (void)snprintf(host, sizeof(host), "%.*s", (int)(colon - text), text);
    address.sin_port = htons((uint16_t)strtoul(colon + 1, NULL, 10));
    if (inet_pton(AF_INET, host, &address.sin_addr) != 1)
        give_up(text);
    return address;
}

static void read_password(const char *path)
{
    char text[PASSWORD_MAX / 2] = "";
    FILE *file = fopen(path, "re");

    if (!file || !fgets(text, sizeof(text), file))
        give_up(path);
    (void)fclose(file);
    for (const char *c = text; *c && *c != '\n'; c++) {
        password[password_size++] = (unsigned char)*c;
        password[password_size++] = 0;
    }
}

static bool send_all(int to, const unsigned char *bytes, size_t size)
{
    while (size > 0) {
        ssize_t sent = send(to, bytes, size, MSG_NOSIGNAL);

        if (sent <= 0)
            return false;
        bytes += sent;
        size -= (size_t)sent;
    }
    return true;
}

static int connect_to(const struct sockaddr_in *address)
{
    int server = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

    if (server >= 0 && connect(server, (const struct sockaddr *)address, sizeof(*address)) == 0)
        return server;
    (void)close(server);
    return -1;
}

/* Length of a TPKT, from its header; 0: none. */
static size_t read_packet(int from, unsigned char *packet)
{
    size_t size;

    if (recv(from, packet, 4, MSG_WAITALL) != 4 || packet[0] != 3)
        return 0;
    size = (size_t)(packet[2] << 8 | packet[3]);
    if (size <= 4 || size > REQUEST_MAX)
        return 0;
    return recv(from, packet + 4, size - 4, MSG_WAITALL) == (ssize_t)(size - 4) ? size : 0;
}

/* The protocols that a connection request asks for; none when it does not negotiate. */
static unsigned protocols_of(const unsigned char *request, size_t size)
{
    const unsigned char *last = request + size - 8;

    return size >= 19 && last[0] == 1 && last[2] == 8 ? last[4] : 0;
}

static void keep(int viewer, int server)
{
    for (struct pair *pair = pairs; pair < pairs + PAIRS_MAX; pair++) {
        if (pair->viewer >= 0)
            continue;
        *pair = (struct pair){ .viewer = viewer, .server = server };
        return;
    }
    errno = EMFILE;
    give_up("too many connections");
}

/* Connect a viewer that already got an answer to a server: request standard RDP security there, and
 * drop the server's answer. */
static int plain_server(void)
{
    static const unsigned char request[] = { 3, 0, 0, 11, 6, 0xe0, 0, 0, 0, 0, 0 };
    unsigned char answer[REQUEST_MAX];
    int server = connect_to(&plain);

    if (server >= 0 && send_all(server, request, sizeof(request)) && read_packet(server, answer))
        return server;
    if (server >= 0)
        (void)close(server);
    return -1;
}

/* Does the viewer go on without TLS? */
static int give_plain(int viewer, const unsigned char *answer, size_t size)
{
    unsigned char byte;

    if (!send_all(viewer, answer, size) || recv(viewer, &byte, 1, MSG_PEEK) != 1)
        return -1;
    tell("plain");
    return plain_server();
}

static int refuse(int viewer, unsigned protocols)
{
    static const unsigned char failure[] = { 3, 0, 0, 19, 14, 0xd0, 0, 0, 0, 0,
                                             0, 3, 0, 8,  0,  2,    0, 0, 0 };
    static const unsigned char confirm[] = { 3, 0, 0, 11, 6, 0xd0, 0, 0, 0, 0, 0 };

    if (protocols == 0)
        return give_plain(viewer, confirm, sizeof(confirm));
    (void)send_all(viewer, failure, sizeof(failure));
    return -1;
}

static int deceive(int viewer, unsigned protocols)
{
    static const unsigned char selected[] = { 3, 0, 0, 19, 14, 0xd0, 0, 0, 0, 0,
                                              0, 2, 0, 8,  0,  0,    0, 0, 0 };
    static const unsigned char confirm[] = { 3, 0, 0, 11, 6, 0xd0, 0, 0, 0, 0, 0 };

    switch (mode) {
    case REFUSE:
        return refuse(viewer, protocols);
    case SELECT:
        return give_plain(viewer, selected, sizeof(selected));
    case OLD:
        return give_plain(viewer, confirm, sizeof(confirm));
    case HONEST:
    case OTHER:
    case GONE:
        break;
    }
    return -1;
}

static int relay_to(const struct sockaddr_in *address, const unsigned char *request, size_t size)
{
    int server = connect_to(address);

    if (server < 0 || send_all(server, request, size))
        return server;
    (void)close(server);
    return -1;
}

static void take(int listener)
{
    const struct timeval limit = { .tv_sec = FIRST_PACKET_S };
    unsigned char request[REQUEST_MAX + 1];
    int viewer = accept4(listener, NULL, NULL, SOCK_CLOEXEC);
    int server = -1;
    size_t size;

    if (viewer < 0)
        give_up("accept");
    (void)setsockopt(viewer, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof(limit));
    size = read_packet(viewer, request);
    request[size] = '\0';
    if (size > 0 && mode != GONE && !memmem(request, size, "mstshash", 8)) {
        server = relay_to(&desktop, request, size);
    } else if (size > 0 && mode != GONE) {
        (void)printf("asked %u\n", protocols_of(request, size));
        (void)fflush(stdout);
        if (mode == HONEST || mode == OTHER)
            server = relay_to(mode == HONEST ? &desktop : &other, request, size);
        else
            server = deceive(viewer, protocols_of(request, size));
    }
    if (server >= 0)
        keep(viewer, server);
    else
        (void)close(viewer);
}

static void part(struct pair *pair)
{
    (void)close(pair->viewer);
    (void)close(pair->server);
    pair->viewer = -1;
}

static void look_for_password(struct pair *pair, const unsigned char *bytes, size_t size)
{
    static unsigned char all[PASSWORD_MAX + 65536];
    size_t have = pair->have + size;

    memcpy(all, pair->tail, pair->have);
    memcpy(all + pair->have, bytes, size);
    if (memmem(all, have, password, password_size))
        tell("password");
    pair->have = have < password_size ? have : password_size - 1;
    memcpy(pair->tail, all + have - pair->have, pair->have);
}

static void pass_on(struct pair *pair, int from)
{
    static unsigned char bytes[65536];
    const bool viewers = from == pair->viewer;
    ssize_t got = recv(from, bytes, sizeof(bytes), 0);

    if (got > 0 && viewers)
        look_for_password(pair, bytes, (size_t)got);
    if (got <= 0 || !send_all(viewers ? pair->server : pair->viewer, bytes, (size_t)got))
        part(pair);
}

static void obey(const char *word)
{
    for (size_t i = 0; i < sizeof(mode_names) / sizeof(*mode_names); i++)
        if (strcmp(word, mode_names[i]) == 0)
            mode = (enum mode)i;
    for (struct pair *pair = pairs; strcmp(word, "cut") == 0 && pair < pairs + PAIRS_MAX; pair++)
        if (pair->viewer >= 0)
            part(pair);
}

static void read_words(void)
{
    static char line[256];
    static size_t have;
    ssize_t got = read(STDIN_FILENO, line + have, sizeof(line) - have - 1);
    char *end;

    if (got <= 0)
        exit(0);
    have += (size_t)got;
    line[have] = '\0';
    while ((end = strchr(line, '\n'))) {
        *end = '\0';
        obey(line);
        have -= (size_t)(end + 1 - line);
        memmove(line, end + 1, have + 1);
    }
}

static void turn(int listener)
{
    struct pollfd asked[2 + 2 * PAIRS_MAX] = { { .fd = STDIN_FILENO, .events = POLLIN },
                                               { .fd = listener, .events = POLLIN } };
    struct pollfd *next = asked + 2;

    for (struct pair *pair = pairs; pair < pairs + PAIRS_MAX; pair++) {
        *next++ = (struct pollfd){ .fd = pair->viewer, .events = POLLIN };
        *next++ = (struct pollfd){ .fd = pair->viewer < 0 ? -1 : pair->server, .events = POLLIN };
    }
    if (poll(asked, sizeof(asked) / sizeof(*asked), -1) < 0)
        give_up("poll");
    for (int i = 0; i < PAIRS_MAX; i++)
        for (int side = 0; side < 2; side++)
            if (asked[2 + 2 * i + side].revents && pairs[i].viewer >= 0)
                pass_on(&pairs[i], asked[2 + 2 * i + side].fd);
    if (asked[1].revents)
        take(listener);
    if (asked[0].revents)
        read_words();
}

int main(int argc, char **argv)
{
    const int yes = 1;
    struct sockaddr_in here;
    int listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

    if (argc != 6) {
        (void)fprintf(stderr, "usage: %s LISTEN DESKTOP PLAIN OTHER PASSWORD-FILE\n", argv[0]);
        return 2;
    }
    (void)signal(SIGPIPE, SIG_IGN);
    here = address_of(argv[1]);
    desktop = address_of(argv[2]);
    plain = address_of(argv[3]);
    other = address_of(argv[4]);
    read_password(argv[5]);
    for (struct pair *pair = pairs; pair < pairs + PAIRS_MAX; pair++)
        pair->viewer = -1;
    (void)setsockopt(listener, SOL_SOCKET, SO_REUSEADDR, &yes, sizeof(yes));
    if (bind(listener, (struct sockaddr *)&here, sizeof(here)) < 0 || listen(listener, 16) < 0)
        give_up(argv[1]);
    tell("ready");
    for (;;)
        turn(listener);
}
