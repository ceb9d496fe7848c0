/* test_in_use.c - which rows prevent the deletion of another, and what administrators are told. */
#include "core/admin.h"
#include "flow/admin.h"
#include "unit/core/small.h"

static const struct use {
    enum entity_kind kind, by;
    size_t offset; /* of the id in the row of `by` */
    const char *sentence;
} uses[] = {
/* clang-format off */
#define USE(kind, by, member, sentence) { ENTITY_##kind, ENTITY_##by, offsetof(struct row_##by, member), sentence },
USE(site,          place,         site_id,              "site 'x' cannot be deleted: places belong to it")
USE(place,         terminal,      place_id,             "place 'x' cannot be deleted: terminals stand there")
USE(place,         invitation,    place_id,             "place 'x' cannot be deleted: an invitation names it")
USE(host,          desktop,       host_id,              "host 'x' cannot be deleted: desktops live on it")
USE(image,         pool,          image_id,             "image 'x' cannot be deleted: a pool is made from it")
USE(image,         image_version, image_id,             "image 'x' cannot be deleted: it has versions")
USE(image_version, desktop,       image_version_id,     "version 3 cannot be deleted: desktops are made from it")
USE(image_version, pool,          recompose_version_id, "version 3 cannot be deleted: a pool is being recomposed to it")
USE(image_version, image,         current_id,           "version 3 cannot be deleted: it is the published one")
USE(pool,          desktop,       pool_id,              "pool 'x' cannot be deleted: it has desktops (set max=0 and wait, or delete them)")
USE(pool,          session,       pool_id,              "pool 'x' cannot be deleted: it has sessions")
USE(desktop,       assignment,    desktop_id,           "desktop 'x' cannot be deleted: it belongs to a user")
USE(terminal,      connection,    terminal_id,          "terminal 'x' cannot be deleted: a session was shown there last; sign it off first")
USE(terminal,      session,       terminal_id,          "terminal 'x' cannot be deleted: a session was shown there last; sign it off first")
USE(user,          assignment,    user_id,              "user 'x' cannot be deleted: a desktop belongs to them; disable them, or sign them off first")
USE(user,          session,       user_id,              "user 'x' cannot be deleted: a desktop belongs to them; disable them, or sign them off first")
USE(user,          terminal,      kiosk_user_id,        "user 'x' cannot be deleted: a terminal signs on as them")
USE(group,         membership,    group_id,             "group 'x' cannot be deleted: it has members")
#undef USE
    /* clang-format on */
};

/* A row with this name, if its kind has names, and in this state, if it has states. */
static void fill(enum entity_kind kind, uint64_t id, const char *name, int state, union row *ret)
{
    const struct record *record = entity_row(kind)->record;
    const struct field *named = record_field(record, "name");
    const struct field *stated = record_field(record, "state");

    *ret = (union row){ .id = id, .version = 1 };
    if (named)
        (void)snprintf((char *)ret + named->offset, named->size, "%s", name);
    if (stated)
        memcpy((char *)ret + stated->offset, &state, sizeof(state));
}

static void load_used(struct small *s, enum entity_kind kind, uint64_t id, int terminal_state)
{
    union row row;

    fill(kind, id, "x", kind == ENTITY_terminal ? terminal_state : 1, &row);
    if (kind == ENTITY_image_version)
        row.image_version.number = 3;
    small_load(s, kind, &row);
}

static void load_user_of(struct small *s, const struct use *use, uint64_t id, const char *name,
                         uint64_t used_id)
{
    union row row;

    fill(use->by, id, name, 1, &row);
    memcpy((char *)&row + use->offset, &used_id, sizeof(used_id));
    small_load(s, use->by, &row);
}

static void prevents(const struct use *use)
{
    struct small s;
    struct berth_error error = { 0 };
    struct entity *used;

    small_open(&s);
    load_used(&s, use->kind, 7, terminal_REVOKED);
    load_user_of(&s, use, 20, "of-another", 8);
    used = core_find(s.core, use->kind, 7);
    EXPECT_OK(admin_drop_check(s.core, used, &error));
    load_user_of(&s, use, 21, "of-this", 7);
    EXPECT_ERR(admin_drop_check(s.core, used, &error), BERTH_E_STATE);
    EXPECT_STR(error.text, use->sentence);
    small_close(&s);
}

TEST(in_use, a_row_that_others_refer_to_stays_and_the_sentence_says_why)
{
    for (size_t i = 0; i < BERTH_COUNT(uses); i++)
        prevents(&uses[i]);
}

TEST(in_use, a_terminal_that_may_speak_is_revoked_first)
{
    struct small s;
    struct berth_error error = { 0 };

    small_open(&s);
    load_used(&s, ENTITY_terminal, 7, terminal_ACCEPTED);
    EXPECT_ERR(admin_drop_check(s.core, core_find(s.core, ENTITY_terminal, 7), &error),
               BERTH_E_STATE);
    EXPECT_STR(error.text, "terminal 'x' cannot be deleted: revoke it first");
    small_close(&s);
}

TEST_MAIN()
