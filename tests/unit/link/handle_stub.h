/* handle_stub.h - handlers that record their calls, so that the link can be tested alone.
 *
 * The link's only partner above the mailbox is flow/terminal_handlers.h; these bodies take the
 * place of those of module flow.
 */
#ifndef BERTH_TESTS_HANDLE_STUB_H
#define BERTH_TESTS_HANDLE_STUB_H

#include <stdio.h>
#include <string.h>

#include "flow/terminal_handlers.h"

#define STUB_PEERS 16

static struct {
    uint64_t peers[STUB_PEERS];
    int opened, closed, joiners, joiners_closed;
    char key_hash[72];
    char address[64];
    char closed_why[256];
    int admit; /* answer of terminal_opened */
    struct msg last;
    int messages;
    bool grant;                /* answer announcements */
    bool quiet;                /* keep no copies: measurements */
    unsigned char in[1 << 16]; /* states of peers (enum msg_in), by the low bits of their ids */
} handlers;

static unsigned char *state_of_peer(uint64_t peer)
{
    return &handlers.in[peer % sizeof(handlers.in)];
}

unsigned context_peer_state(struct context *context, uint64_t peer)
{
    (void)context;
    return *state_of_peer(peer);
}

/* As context_tell keeps the state. */
static void stub_tell(struct context *context, uint64_t peer, const struct msg *msg)
{
    if (msg->type == MSG_granted)
        *state_of_peer(peer) = IN_PRESENT;
    context->tell(context->link, peer, msg);
    if (msg->type == MSG_presence_unknown)
        *state_of_peer(peer) = IN_OPEN;
}

int terminal_opened(struct context *context, uint64_t peer, const char *address,
                    const char *key_hash, struct berth_error *reterr)
{
    (void)context;
    if (handlers.admit < 0)
        return berth_fail(reterr, handlers.admit, "the terminal was turned away by the test");
    *state_of_peer(peer) = IN_OPEN;
    handlers.peers[handlers.opened % STUB_PEERS] = peer;
    handlers.opened++;
    (void)snprintf(handlers.key_hash, sizeof(handlers.key_hash), "%s", key_hash);
    (void)snprintf(handlers.address, sizeof(handlers.address), "%s", address);
    return 0;
}

void terminal_closed(struct context *context, uint64_t peer, const char *why)
{
    (void)context;
    (void)peer;
    handlers.closed++;
    (void)snprintf(handlers.closed_why, sizeof(handlers.closed_why), "%s", why);
}

int joiner_opened(struct context *context, uint64_t peer, const char *address,
                  struct berth_error *reterr)
{
    (void)context;
    (void)address;
    (void)reterr;
    *state_of_peer(peer) = IN_JOINING;
    handlers.peers[handlers.joiners % STUB_PEERS] = peer;
    handlers.joiners++;
    return 0;
}

void joiner_closed(struct context *context, uint64_t peer)
{
    (void)context;
    (void)peer;
    handlers.joiners_closed++;
}

static void handle_note(const struct msg *msg)
{
    handlers.messages++;
    if (!handlers.quiet)
        memcpy(&handlers.last, msg, msg_size(msg->type));
}

bool handle_message(struct context *context, uint64_t peer, const struct msg *msg)
{
    struct msg answer = { .type = MSG_granted };

    handle_note(msg);
    answer.ref = msg->ref;
    answer.granted.renew_after_ms = 10000;
    if (msg->type == MSG_announce && handlers.grant)
        stub_tell(context, peer, &answer);
    return true;
}

int terminal_may_upload(struct context *context, uint64_t peer, uint64_t command_id, char *ret_name,
                        struct berth_error *reterr)
{
    (void)context;
    (void)peer;
    if (command_id == 404)
        return berth_fail(reterr, BERTH_E_NOT_FOUND, "there is no command 404");
    (void)snprintf(ret_name, 64, "icu-07");
    return 0;
}

const char *context_terminal_name(struct context *context, uint64_t peer)
{
    (void)context;
    (void)peer;
    return "icu-07";
}

#endif
