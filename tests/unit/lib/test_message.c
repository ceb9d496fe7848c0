/* test_message.c - every message is the same after encoding and decoding, and nothing else is
 * accepted. */
#include "berth/json.h"
#include "berth/message.h"

#include "test.h"

static int decode(const char *json, enum msg_direction direction, struct msg *msg,
                  struct berth_error *error)
{
    return msg_decode(json, strlen(json), direction, msg, error);
}

static struct msg msg;
static struct msg back;
static struct berth_error error;

TEST(message, every_type_comes_back_as_it_went)
{
    for (enum msg_type type = MSG_NONE + 1; type < MSG_TYPES; type++) {
        enum msg_direction direction = msg_row(type)->direction;
        size_t size;
        char *text;

        memset(&msg, 0, sizeof(msg));
        msg.type = type;
        msg.ref = 42;
        text = msg_encode(&msg, &size);
        EXPECT_OK(msg_decode(text, size, direction, &back, &error));
        EXPECT_INT(back.type, type);
        EXPECT_INT(back.ref, 42);
        EXPECT(memcmp(&back.join, &msg.join, msg_row(type)->record->size) == 0);
        free(text);
    }
}

TEST(message, lists_and_secrets_come_back)
{
    size_t size;
    char *text;

    memset(&msg, 0, sizeof(msg));
    msg.type = MSG_sign_on;
    msg.sign_on.evidence_count = 1;
    msg.sign_on.evidence[0].kind = evidence_kind_PASSWORD;
    strcpy(msg.sign_on.evidence[0].name, "anna");
    EXPECT(secret_set(&msg.sign_on.evidence[0].value, "pa\"ss", 5));
    text = msg_encode(&msg, &size);
    EXPECT_OK(msg_decode(text, size, UP, &back, &error));
    EXPECT_STR(back.sign_on.evidence[0].value.text, "pa\"ss");
    EXPECT_INT(back.sign_on.evidence[0].kind, evidence_kind_PASSWORD);
    msg_wipe(&back);
    EXPECT_STR(back.sign_on.evidence[0].value.text, "");
    free(text);
}

TEST(message, what_is_not_permitted_is_refused_with_a_reason)
{
    static const struct {
        const char *json;
        int code;
        const char *says;
    } cases[] = {
        { "", BERTH_E_PROTOCOL, "JSON" },
        { "[]", BERTH_E_PROTOCOL, "object" },
        { "{\"type\":\"launch\"}", BERTH_E_PROTOCOL, "'launch'" },
        { "{\"type\":\"show\"}", BERTH_E_PROTOCOL, "this direction" },
        { "{\"type\":\"renew\",\"seq\":-1}", BERTH_E_INVALID, "renew.seq" },
        { "{\"type\":\"renew\",\"seq\":1.5}", BERTH_E_INVALID, "renew.seq" },
        { "{\"type\":\"renew\",\"seq\":1,\"seq\":2}", BERTH_E_PROTOCOL, "duplicate" },
        { "{\"type\":\"renew\",\"screen\":\"aflame\"}", BERTH_E_INVALID, "aflame" },
        { "{\"type\":\"renew\",\"want_expires_in_ms\":86400001}", BERTH_E_INVALID, "86400000" },
        { "{\"type\":\"bye\",\"presence_id\":\"0123456789012345678901234567890123456789\"}",
          BERTH_E_INVALID, "the limit of 39" },
        { "{\"type\":\"bye\",\"presence_id\":\"a\\nb\"}", BERTH_E_INVALID, "control" },
        { "{\"type\":\"sign_on\",\"evidence\":[{},{},{},{},{}]}", BERTH_E_INVALID,
          "the limit of 4" },
        { "{\"type\":\"bye\",\"x\":[[[[[[[[[[1]]]]]]]]]]}", BERTH_E_PROTOCOL, "deeper" },
    };

    for (size_t i = 0; i < BERTH_COUNT(cases); i++) {
        EXPECT_ERR(decode(cases[i].json, UP, &msg, &error), cases[i].code);
        EXPECT_SAYS(error.text, cases[i].says);
    }
}

TEST(message, unknown_fields_of_a_newer_peer_are_ignored)
{
    EXPECT_OK(decode("{\"type\":\"bye\",\"seq\":3,\"mood\":\"sunny\"}", UP, &msg, &error));
    EXPECT_INT(msg.bye.seq, 3);
}

TEST(record, merge_keeps_what_is_not_named_and_refuses_unknown_names)
{
    const struct record *record = msg_row(MSG_bye)->record;
    struct msg_bye bye = { .seq = 7, .presence_id = "abc" };
    json_t *change = json_pack("{s:i}", "seq", 8);
    json_t *typo = json_pack("{s:i}", "sequence", 8);

    EXPECT_OK(record_merge(record, change, &bye, &error));
    EXPECT_INT(bye.seq, 8);
    EXPECT_STR(bye.presence_id, "abc");
    EXPECT_ERR(record_merge(record, typo, &bye, &error), BERTH_E_INVALID);
    EXPECT_SAYS(error.text, "bye has no field 'sequence'");
    json_decref(change);
    json_decref(typo);
}

TEST(record, secrets_are_stars_for_everyone_but_the_peer)
{
    struct msg_show show = { .port = 3389 };
    json_t *json;

    EXPECT(secret_set(&show.password, "hunter2", 7));
    json = record_encode(msg_row(MSG_show)->record, &show, SEE_MASK_ADMIN);
    EXPECT(!json_object_get(json, "password"));
    json_decref(json);
    json = record_encode(msg_row(MSG_show)->record, &show, SEE_MASK_WIRE);
    EXPECT_STR(json_string_value(json_object_get(json, "password")), "hunter2");
    json_decref(json);
}

TEST(init, only_what_the_type_uses_is_touched)
{
    struct msg *made = berth_new(struct msg);

    memset(made, 0x5a, sizeof(*made));
    msg_init(made, MSG_renew);
    EXPECT(made->type == MSG_renew && made->ref == 0 && made->renew.seq == 0);
    EXPECT_STR(made->renew.presence_id, "");
    EXPECT(((unsigned char *)made)[msg_size(MSG_renew)] == 0x5a);
    free(made);
}

TEST_MAIN()
