/* protocol.c - the protocols after the handshake: HTTP, MQTT 3.1.1, Berth's own. */
#include <stdio.h>
#include <string.h>

#include "lean/say.h"

#include "dial.h"

/* ---- HTTP: one small request ---- */

static bool http_greet(struct client *client)
{
    static const char question[] = "GET / HTTP/1.1\r\nHost: localhost\r\n\r\n";

    return client_send(client, question, sizeof(question) - 1);
}

static bool http_hear(struct client *client, const char *bytes, size_t size)
{
    if (size < 12 || memcmp(bytes, "HTTP/1.1 204", 12) != 0)
        return false;
    client_welcomed(client);
    return true;
}

/* ---- MQTT ---- */

#define MQTT_KEEPALIVE_S 15 /* 1.5 times our pings, as Berth suspects a terminal after 15 s */

static bool mqtt_greet(struct client *client)
{
    unsigned char packet[64] = { 0x10, 0, 0, 4, 'M', 'Q', 'T', 'T', 4, 2, 0, MQTT_KEEPALIVE_S };
    int length = snprintf((char *)packet + 14, sizeof(packet) - 14, "t-%05d", client->number);

    packet[13] = (unsigned char)length;
    packet[1] = (unsigned char)(12 + length);
    return client_send(client, packet, (size_t)(14 + length));
}

/* Each answer comes as one packet in one record. */
static bool mqtt_hear(struct client *client, const char *bytes, size_t size)
{
    static const char accepted[] = { 0x20, 0x02, 0x00, 0x00 };
    static const char pong[] = { (char)0xd0, 0x00 };

    if (size == sizeof(accepted) && memcmp(bytes, accepted, size) == 0) {
        client_welcomed(client);
        return true;
    }
    if (size != sizeof(pong) || memcmp(bytes, pong, size) != 0)
        return false;
    client_answered(client);
    return true;
}

static bool mqtt_ping(struct client *client)
{
    return client_send(client, "\xc0\x00", 2);
}

/* ---- Berth ---- */

static bool say(struct client *client, const struct msg *msg)
{
    size_t size;
    unsigned char *frame = lean_frame(msg, &size);
    bool ok = client_send(client, frame, size);

    berth_wipe_free(frame, size);
    return ok;
}

static bool berth_greet(struct client *client)
{
    struct msg msg = { .type = MSG_announce, .ref = 1 };

    (void)snprintf(msg.announce.boot_id, sizeof(msg.announce.boot_id), "boot-%d", client->number);
    (void)snprintf(msg.announce.agent_version, sizeof(msg.announce.agent_version), "0.1.0");
    return say(client, &msg);
}

static int take_frame(void *context, const char *frame, size_t size)
{
    struct client *client = context;
    struct msg *msg = berth_new(struct msg);
    int r = msg_decode(frame, size, DOWN, msg, NULL);

    if (r == 0 && msg->type == MSG_granted) {
        (void)snprintf(client->presence, sizeof(client->presence), "%s", msg->granted.presence_id);
        if (client->state == CLIENT_ASKING)
            client_welcomed(client);
        else
            client_answered(client);
    } else if (r == 0 && msg->type == MSG_refused) {
        (void)fprintf(stderr, "refused: %s\n", msg->refused.text);
        r = -1;
    }
    msg_wipe(msg);
    free(msg);
    return r;
}

/* A profile comes unasked after the grant. */
static bool berth_hear(struct client *client, const char *bytes, size_t size)
{
    return frame_feed(&client->reader, bytes, size, take_frame, client, NULL) >= 0;
}

static bool berth_ping(struct client *client)
{
    struct msg msg = { .type = MSG_renew, .ref = 1 };

    (void)snprintf(msg.renew.presence_id, sizeof(msg.renew.presence_id), "%s", client->presence);
    msg.renew.seq = ++client->seq;
    msg.renew.input_idle_ms = 60000;
    return say(client, &msg);
}

static const struct protocol protocols[] = {
    { "http", NULL, http_greet, http_hear, NULL },
    { "mqtt", NULL, mqtt_greet, mqtt_hear, mqtt_ping },
    { "berth",
      "\x07"
      "berth/1",
      berth_greet, berth_hear, berth_ping },
};

const struct protocol *protocol_find(const char *name)
{
    for (size_t i = 0; i < sizeof(protocols) / sizeof(protocols[0]); i++) {
        if (strcmp(protocols[i].name, name) == 0)
            return &protocols[i];
    }
    return NULL;
}
