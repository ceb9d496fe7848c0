/* test_core.c - the small pure parts of the agent: lines, texts, exit codes, base64, pauses before
 * a reconnect. */
#include "berth/base64.h"

#include "core/greeter_protocol.h"
#include "core/reconnect.h"
#include "core/texts.h"
#include "core/viewer_exit.h"

#include "random_seeded.h"
#include "test.h"

TEST(greeter_protocol, a_page_survives_the_way)
{
    struct page page = {
        .kind = page_kind_CHOOSE, .serial = 7, .online = true, .choices_count = 2
    };
    struct page again;
    struct berth_error error = { 0 };
    size_t size;
    char *line;

    (void)snprintf(page.text, sizeof(page.text), "zwei\nZeilen \"ü\"");
    (void)snprintf(page.choices[1].pool, sizeof(page.choices[1].pool), "ward");
    line = page_encode(&page, &size);
    EXPECT_INT(line[size - 1], '\n');
    EXPECT_INT(strlen(line), size);
    EXPECT(memchr(line, '\n', size - 1) == NULL);
    EXPECT_OK(page_decode(line, size - 1, &again, &error));
    EXPECT_INT(again.kind, page_kind_CHOOSE);
    EXPECT_STR(again.text, page.text);
    EXPECT_STR(again.choices[1].pool, "ward");
    berth_wipe_free(line, size);
}

TEST(greeter_protocol, an_event_carries_a_password_and_is_wiped)
{
    struct greeter_event event = { .kind = greeter_event_kind_SUBMIT, .user = "anna" };
    struct greeter_event again;
    struct berth_error error = { 0 };
    size_t size;
    char *line;

    EXPECT(secret_set(&event.password, "geheim\"\\", 8));
    line = greeter_event_encode(&event, &size);
    EXPECT_OK(greeter_event_decode(line, size - 1, &again, &error));
    EXPECT_STR(again.password.text, "geheim\"\\");
    greeter_event_wipe(&again);
    EXPECT(secret_empty(&again.password));
    berth_wipe_free(line, size);
}

TEST(greeter_protocol, nonsense_is_refused)
{
    struct page page;
    struct berth_error error = { 0 };

    EXPECT_ERR(page_decode("{", 1, &page, &error), BERTH_E_PROTOCOL);
    EXPECT_ERR(page_decode("{\"kind\":\"none\"}", 15, &page, &error), BERTH_E_INVALID);
    EXPECT_ERR(page_decode("[[[[[[]]]]]]", 12, &page, &error), BERTH_E_PROTOCOL);
}

static int count_lines(void *context, const char *line, size_t size)
{
    size_t *count = context;

    *count = *count * 100 + size;
    return size > 0 && line[0] == 'x' ? BERTH_E_CANCELLED : 0;
}

TEST(greeter_protocol, a_stream_is_cut_wherever_it_is_split)
{
    struct line_reader reader = { 0 };
    struct berth_error error = { 0 };
    size_t seen = 0;

    EXPECT_OK(line_reader_feed(&reader, "ab", 2, count_lines, &seen, &error));
    EXPECT_INT(seen, 0);
    EXPECT_OK(line_reader_feed(&reader, "c\n\nde", 5, count_lines, &seen, &error));
    EXPECT_INT(seen, 300); /* three bytes, then an empty line */
    EXPECT_OK(line_reader_feed(&reader, "\n", 1, count_lines, &seen, &error));
    EXPECT_INT(seen, 30002);
    EXPECT_INT(reader.have, 0);
    for (size_t i = 0; i < 8; i++)
        EXPECT_INT(reader.data[i], 0); /* nothing of it stays */
    EXPECT_ERR(line_reader_feed(&reader, "x\nmore\n", 7, count_lines, &seen, &error),
               BERTH_E_CANCELLED);
}

TEST(greeter_protocol, an_endless_line_is_too_large)
{
    static struct line_reader reader;
    static char block[4096];
    struct berth_error error = { 0 };
    size_t seen = 0;
    int r = 0;

    memset(block, 'a', sizeof(block));
    for (int i = 0; i < 6 && r == 0; i++)
        r = line_reader_feed(&reader, block, sizeof(block), count_lines, &seen, &error);
    EXPECT_INT(r, BERTH_E_TOO_LARGE);
}

TEST(texts, every_row_speaks_both_languages)
{
    for (int i = TEXT_NONE + 1; i < TEXT_COUNT; i++) {
        EXPECT(text_in("en", (enum text)i)[0]);
        EXPECT(text_in("de", (enum text)i)[0]);
        EXPECT_INT(strstr(text_in("en", (enum text)i), "%lld") != NULL,
                   strstr(text_in("de", (enum text)i), "%lld") != NULL);
    }
    EXPECT_STR(text_in("fr", TEXT_PASSWORD), "Password");
    EXPECT_STR(text_in("de", TEXT_COUNT), "");
}

TEST(texts, a_refusal_is_told_in_the_persons_language)
{
    EXPECT_STR(text_of_refusal("en", "CREDENTIALS", "no"), "no");
    EXPECT_SAYS(text_of_refusal("de", "CREDENTIALS", "no"), "Passwort");
    EXPECT_STR(text_of_refusal("de", "EXISTS", "it exists"), "it exists"); /* no row: as it came */
    EXPECT_SAYS(text_of_refusal("de", "STORE", "the store failed"), "Rufen Sie den IT-Dienst");
    EXPECT_SAYS(text_of_refusal("en", "CREDENTIALS", ""), "wrong");
}

/* Words that people in front of a terminal do not know. */
static void is_plain(const char *text)
{
    static const char *const technical[] = {
        "dentit",   "ertific", "Zertifikat", "authority", "TLS",   " CA ", "evoke",
        "gesperrt", "rotocol", "Protokoll",  "socket",    "errno", "key ",
    };

    EXPECT(text[0]);
    for (size_t i = 0; i < BERTH_COUNT(technical); i++)
        if (strstr(text, technical[i]))
            fail_msg("'%s' says '%s'", text, technical[i]);
}

TEST(texts, the_pages_of_joining_and_of_a_revoked_terminal_are_plain)
{
    static const char *const languages[] = { "en", "de" };
    static const enum text pages[] = { TEXT_JOINING,      TEXT_JOINING_LONG, TEXT_APPROVE,
                                       TEXT_APPROVE_LONG, TEXT_REVOKED,      TEXT_REVOKED_LONG,
                                       TEXT_CLOSED };
    static const char *const symbols[] = {
#define ERROR(symbol_, number_, http_, retry_, sentence_) #symbol_,
#include "berth/errors.def"
    };

    for (size_t l = 0; l < BERTH_COUNT(languages); l++) {
        for (size_t i = 0; i < BERTH_COUNT(pages); i++)
            is_plain(text_in(languages[l], pages[i]));
        for (size_t i = 0; i < BERTH_COUNT(symbols); i++)
            is_plain(text_of_join(languages[l], symbols[i]));
    }
    EXPECT_SAYS(text_of_join("en", "DENIED"), "invitation");
    EXPECT_SAYS(text_of_join("de", "REVOKED"), "Betrieb");
    EXPECT_SAYS(text_of_join("en", "IO"), "cannot be reached"); /* connection refused */
    EXPECT_SAYS(text_of_join("de", "IO"), "nicht erreichbar");
    EXPECT_SAYS(text_of_join("en", "CERTIFICATE"),
                "not the one named in this terminal's invitation");
    EXPECT_STR(text_of_join("en", "OF_TOMORROW"), text_in("en", TEXT_JOIN_FAILED));
}

/* What is not the right desktop, or is in wrong hands, gets no second chance. */
TEST(viewer_exit, a_desktop_that_is_not_trusted_is_not_tried_again)
{
    int found = 0;

    for (int code = 0; code < 256; code++) {
        const struct viewer_exit *row = viewer_exit_row(code, 0);

        if (row->text != TEXT_ENDED_TRUST)
            continue;
        found++;
        EXPECT(!row->retry);
    }
    EXPECT_INT(found, 3);
}

TEST(viewer_exit, codes_become_words)
{
    EXPECT_STR(viewer_exit_row(143, 0)->word, "certificate");
    EXPECT(!viewer_exit_row(143, 0)->retry);
    EXPECT_STR(viewer_exit_row(147, 0)->word, "network");
    EXPECT(viewer_exit_row(147, 0)->retry);
    EXPECT_STR(viewer_exit_row(132, 0)->word, "authentication");
    EXPECT_STR(viewer_exit_row(22, 0)->word, "licence");
    EXPECT_STR(viewer_exit_row(250, 0)->word, "unknown");
    EXPECT_STR(viewer_exit_row(-1, 15)->word, "killed"); /* 143 by a signal is something else */
    EXPECT(strlen(viewer_exit_row(148, 0)->word) < sizeof(((struct greeter_event *)0)->pool));
}

TEST(base64, as_rfc_4648_has_it)
{
    static const char *const pairs[][2] = { { "", "" },
                                            { "f", "Zg==" },
                                            { "fo", "Zm8=" },
                                            { "foo", "Zm9v" },
                                            { "foob", "Zm9vYg==" },
                                            { "fooba", "Zm9vYmE=" },
                                            { "foobar", "Zm9vYmFy" } };
    unsigned char all[48];
    char out[BASE64_LENGTH(48) + 1];

    for (size_t i = 0; i < BERTH_COUNT(pairs); i++) {
        base64_encode(pairs[i][0], strlen(pairs[i][0]), out);
        EXPECT_STR(out, pairs[i][1]);
    }
    for (size_t i = 0; i < 16; i++) { /* each of the 64 digits once */
        uint32_t three = (uint32_t)(4 * i) << 18 | (uint32_t)(4 * i + 1) << 12 |
                         (uint32_t)(4 * i + 2) << 6 | (uint32_t)(4 * i + 3);

        all[3 * i] = (unsigned char)(three >> 16);
        all[3 * i + 1] = (unsigned char)(three >> 8);
        all[3 * i + 2] = (unsigned char)three;
    }
    base64_encode(all, sizeof(all), out);
    EXPECT_STR(out, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/");
}

TEST(reconnect, the_first_try_is_spread_or_soon)
{
    struct berth_random random;
    int64_t most[3] = { 0 };

    random_seeded(&random, 1);
    for (int i = 0; i < 2000; i++) {
        for (int urgency = RECONNECT_IDLE; urgency <= RECONNECT_WAITING; urgency++) {
            int64_t ms = reconnect_delay_ms(&random, 0, 20000, (enum reconnect_urgency)urgency);

            EXPECT(ms >= 0);
            most[urgency] = ms > most[urgency] ? ms : most[urgency];
        }
    }
    EXPECT(most[RECONNECT_IDLE] > 19500 && most[RECONNECT_IDLE] <= 20000);
    EXPECT(most[RECONNECT_IN_SESSION] > 9500 && most[RECONNECT_IN_SESSION] <= 10000);
    EXPECT(most[RECONNECT_WAITING] > 480 && most[RECONNECT_WAITING] <= 500);
    EXPECT_INT(reconnect_delay_ms(&random, 0, 0, RECONNECT_IDLE), 0);
    EXPECT(reconnect_delay_ms(&random, 0, 0, RECONNECT_IN_SESSION) <= 500);
}

TEST(reconnect, failures_double_the_ceiling_up_to_its_end)
{
    struct berth_random random;

    random_seeded(&random, 2);
    for (int failures = 1; failures < 100; failures++) {
        int64_t ceiling = failures < 6 ? 1000 << (failures - 1) : 30000;

        for (int i = 0; i < 50; i++) {
            EXPECT(reconnect_delay_ms(&random, failures, 20000, RECONNECT_IDLE) <= ceiling);
            EXPECT(reconnect_delay_ms(&random, failures, 20000, RECONNECT_WAITING) <= 2000);
        }
    }
    EXPECT_INT(reconnect_jitter_ms(&random, 0), 0);
}

TEST_MAIN()
