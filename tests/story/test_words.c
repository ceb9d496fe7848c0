/* test_words.c - broker and terminal show the same sentence for the same failure. */
#include "flow/sign_on_state.h"

#include "test.h"

static const struct {
    const char *key;
    const char *english;
} rows[] = {
#define TEXT(key_, english_, german_) { #key_, english_ },
#include "../agent/core/texts.def"
};

static const struct {
    const char *symbol;
    int code;
} codes[] = {
#define ERROR(symbol_, number_, http_, retry_, sentence_) { #symbol_, BERTH_E_##symbol_ },
#include "berth/errors.def"
};

/* The terminal's English sentence for a refusal; "" when it shows what the broker says. */
static const char *terminal_words(const char *symbol)
{
    char key[64];

    (void)snprintf(key, sizeof(key), "REFUSED_%s", symbol);
    for (size_t i = 0; i < BERTH_COUNT(rows); i++)
        if (strcmp(rows[i].key, key) == 0)
            return rows[i].english;
    return "";
}

static bool is_technical(const char *words)
{
    return strcmp(words, NOT_READY_EN) == 0 || strcmp(words, CANNOT_OPEN_EN) == 0;
}

/* A reason that the broker keeps for the log has a row at the terminal with the broker's words, and
 * one that it tells has not. */
TEST(words, broker_and_terminal_say_the_same_of_what_a_person_cannot_mend)
{
    size_t technical = 0;

    for (size_t i = 0; i < BERTH_COUNT(codes); i++) {
        const char *ours = terminal_words(codes[i].symbol);
        struct berth_error error = { 0 };

        (void)berth_fail(&error, codes[i].code, "the reason");
        if (strcmp(sign_on_error_text(&error), berth_error_text(&error)) == 0) {
            EXPECT(!is_technical(ours));
            continue;
        }
        EXPECT_STR(ours, sign_on_error_text(&error));
        EXPECT(is_technical(ours));
        technical++;
    }
    EXPECT(technical > 0);
}

TEST_MAIN()
