/* counters.c - metrics of modules as rows, and the options in force as JSON. */
#include "counters.h"

#include <stdio.h>

#include "auth/auth_setup.h"
#include "link/link.h"

#include "broker_internal.h"

#define LINK_COUNTERS(X)                                                                     \
    X(peers, false, "terminals connected now")                                               \
    X(joining, false, "connections at the join listener now")                                \
    X(api_connections, false, "connections to the API over TLS now")                         \
    X(opened, true, "TLS handshakes that succeeded")                                         \
    X(refused_full, true, "connections refused: the broker is full")                         \
    X(refused_handshakes, true, "connections refused: too many handshakes under way")        \
    X(refused_source, true, "connections refused: too many handshakes from one address")     \
    X(refused_early, true, "connections dropped early, at random, under load")               \
    X(refused_penalty, true,                                                                 \
      "connections refused: their address is blocked after earlier failures")                \
    X(replaced, true, "silent handshakes closed to admit newer ones from their address")     \
    X(failed_timeout, true, "handshakes that were not finished in time")                     \
    X(failed_certificate, true, "handshakes with a certificate that is not accepted")        \
    X(failed_protocol, true, "handshakes that broke the protocol")                           \
    X(failed_left, true, "handshakes that the peer broke off")                               \
    X(messages_in, true, "messages received from terminals")                                 \
    X(messages_out, true, "messages sent to terminals")                                      \
    X(messages_bad, true, "frames that could not be decoded")                                \
    X(messages_refused, true, "messages not permitted in the state of their peer")           \
    X(messages_delayed, true, "messages held back by the rate limit")                        \
    X(slow_readers, true, "terminals and API clients dropped because they did not read")     \
    X(no_descriptors, true, "times when no connection was accepted for lack of descriptors") \
    X(floods, true, "terminals dropped because they sent too much")                          \
    X(uploads_stored, true, "log uploads stored")                                            \
    X(uploads_refused, true, "log uploads refused")                                          \
    X(upload_bytes, false, "bytes of log uploads stored")

#define AUTH_COUNTERS(X)                                           \
    X(accepted, true, "sign-ons and sign-ins with valid evidence") \
    X(wrong, true, "sign-ons and sign-ins with wrong evidence")    \
    X(too_many, true, "attempts refused by the limiter")           \
    X(busy, true, "attempts refused because too many wait for hashing")

struct out {
    struct api_metric *at;
    size_t count;
    size_t max;
};

static void put(struct out *out, const char *name, bool counter, int64_t value, const char *help)
{
    if (out->count < out->max)
        out->at[out->count++] =
            (struct api_metric){ .name = name, .help = help, .counter = counter, .value = value };
}

static void put_times(struct out *out, const char *name, const struct histogram *times,
                      const char *help)
{
    if (out->count < out->max)
        out->at[out->count++] = (struct api_metric){ .name = name, .help = help, .times = times };
}

size_t broker_counters(void *context, struct api_metric *out_, size_t max)
{
    struct broker *broker = context;
    struct out out = { .at = out_, .max = max };
    struct link_stats link;
    struct auth_stats auth;

    link_stats(broker->link, &link);
    auth_stats(broker->context.auth, &auth);
#define PUT_LINK(member, counter, help)                                                    \
    put(&out, (counter) ? "berth_link_" #member "_total" : "berth_link_" #member, counter, \
        link.member, help);
    LINK_COUNTERS(PUT_LINK)
#define PUT_AUTH(member, counter, help) \
    put(&out, "berth_auth_" #member "_total", counter, auth.member, help);
    AUTH_COUNTERS(PUT_AUTH)
    put_times(&out, "berth_link_mailbox_seconds", link_mailbox_wait(broker->link),
              "time of messages of terminals from their I/O thread to the core loop");
    put(&out, "berth_hashing_waiting", false,
        (int64_t)offload_waiting(broker->hashing, OFFLOAD_HIGH),
        "passwords that wait for hashing, without those from unknown addresses");
    put(&out, "berth_hashing_unknown_waiting", false,
        (int64_t)offload_waiting(broker->hashing, OFFLOAD_LOW),
        "passwords of sign-ins from unknown addresses that wait for hashing");
    return out.count;
}

static json_t *option_value(const struct options *options, const struct conf_option *option)
{
    const char *at = (const char *)options + option->offset;
    int64_t number;
    char text[32];
    bool truth;

    switch (option->type) {
    case CONF_BOOL:
        truth = *(const bool *)(const void *)at;
        return json_string(truth ? "yes" : "no");
    case CONF_INT:
        number = *(const int64_t *)(const void *)at;
        (void)snprintf(text, sizeof(text), "%lld", (long long)number);
        return json_string(text);
    case CONF_TEXT:
    case CONF_NAMES:
    case CONF_LISTEN:
    case CONF_ENDPOINTS:
    case CONF_PATH:
    case CONF_CHOICE:
        break;
    }
    return json_string(at);
}

json_t *broker_options(void *context)
{
    const struct broker *broker = context;
    json_t *list = json_array();

    for (size_t i = 0; i < options_count; i++) {
        const struct conf_option *option = &options_table[i];
        char name[96];

        (void)snprintf(name, sizeof(name), "%s.%s", option->section, option->key);
        (void)json_array_append_new(list, json_pack("{s:s, s:o, s:s, s:s, s:b, s:s}", "name", name,
                                                    "value", option_value(&broker->options, option),
                                                    "default_value", option->default_value, "unit",
                                                    option->unit, "reloadable", option->reloadable,
                                                    "sentence", option->sentence));
    }
    return list;
}
