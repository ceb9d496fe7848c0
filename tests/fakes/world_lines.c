/* world_lines.c - makes the rows of a site from lines of text. */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "berth/setting.h"

#include "core/reference.h"
#include "fakes/world_internal.h"

#define WORDS_MAX 40
#define YEAR_MS (INT64_C(365) * 24 * 3600 * 1000)

/* One line, split. */
struct line {
    size_t count;
    char *words[WORDS_MAX];
    char text[512];
};

static _Noreturn void refuse_line(const struct line *line, const char *why)
{
    (void)fprintf(stderr, "a world cannot be made from '%s ...': %s\n", line->words[0], why);
    abort();
}

static const char *word(const struct line *line, size_t at)
{
    if (at >= line->count)
        refuse_line(line, "a word is missing");
    return line->words[at];
}

/* The word after `key`, or NULL. */
static const char *option(const struct line *line, const char *key)
{
    for (size_t i = 1; i + 1 < line->count; i++)
        if (strcmp(line->words[i], key) == 0)
            return line->words[i + 1];
    return NULL;
}

static int64_t number(const struct line *line, const char *key, int64_t otherwise)
{
    const char *text = option(line, key);

    return text ? strtoll(text, NULL, 10) : otherwise;
}

static int choice(const struct line *line, const char *text, const char *const *names,
                  int otherwise)
{
    int value = text ? name_value(names, text) : otherwise;

    if (value < 1)
        refuse_line(line, "a word is not one of those it may be");
    return value;
}

#define COPY(to, from) (void)snprintf((to), sizeof(to), "%s", (from))

/* ---- rows ---- */

static void put(struct world *world, enum entity_kind kind, void *row)
{
    struct changes *changes = changes_new("story", "administrator", "story.line");
    struct berth_error error = { 0 };

    changes_add(changes, kind, row);
    if (disk_commit(world->disk, changes, &error) < 0) {
        (void)fprintf(stderr, "a world's row is refused: %s\n", error.text);
        abort();
    }
    changes_free(changes);
}

static void set(struct world *world, enum entity_kind kind, void *row)
{
    struct changes *changes = changes_new("story", "administrator", "story.line");

    changes_set(changes, kind, row);
    if (disk_commit(world->disk, changes, NULL) < 0)
        abort();
    changes_free(changes);
}

struct search {
    const char *name;
    size_t offset;
    uint64_t id;
};

static void compare(void *context, const void *row)
{
    struct search *search = context;

    if (strcmp((const char *)row + search->offset, search->name) == 0)
        memcpy(&search->id, row, sizeof(search->id));
}

static uint64_t named(struct world *world, const struct line *line, enum entity_kind kind,
                      const char *name)
{
    struct search search = { .name = name };

    if (!name)
        return 0;
    search.offset = record_field(entity_row(kind)->record, "name")->offset;
    disk_each(world->disk, kind, compare, &search);
    if (!search.id)
        refuse_line(line, name);
    return search.id;
}

static uint64_t new_id(struct world *world)
{
    return ++world->last_id;
}

/* ---- the lines ---- */

static void site_line(struct world *world, const struct line *line)
{
    struct row_site row = { .id = new_id(world), .renew_days = number(line, "renew_days", 7) };

    COPY(row.name, word(line, 1));
    row.join_policy =
        (enum join_policy)choice(line, option(line, "join"), join_policy_names, join_policy_ACCEPT);
    put(world, ENTITY_site, &row);
}

static void place_line(struct world *world, const struct line *line)
{
    const char *site = option(line, "site");
    struct row_place row = { .id = new_id(world) };

    COPY(row.name, word(line, 1));
    row.site_id = named(world, line, ENTITY_site, site ? site : "main");
    put(world, ENTITY_place, &row);
}

static void host_line(struct world *world, const struct line *line)
{
    struct row_host row = { .id = new_id(world),
                            .max_desktops = number(line, "max", 20),
                            .max_starting = number(line, "starting", 4),
                            .port_first = number(line, "ports", 0),
                            .weight = number(line, "weight", 1) };

    COPY(row.name, word(line, 1));
    COPY(row.storage, "default");
    (void)snprintf(row.uri, sizeof(row.uri), "fake:///%s", row.name);
    if (row.port_first)
        row.port_last = row.port_first + 99;
    row.mode =
        (enum host_mode)choice(line, option(line, "mode"), host_mode_names, host_mode_ACTIVE);
    put(world, ENTITY_host, &row);
    (void)hypervisor_add(world->hypervisors, row.name, row.uri);
}

static void image_line(struct world *world, const struct line *line)
{
    struct row_image row = { .id = new_id(world) };
    struct row_image_version version = {
        .id = new_id(world), .image_id = row.id, .number = 1, .state = image_version_PUBLISHED
    };

    COPY(row.name, word(line, 1));
    COPY(version.path, "/images/1.qcow2");
    put(world, ENTITY_image, &row);
    put(world, ENTITY_image_version, &version);
    row.current_id = version.id;
    row.version = 1;
    set(world, ENTITY_image, &row);
}

static void pool_choices(const struct line *line, struct row_pool *row)
{
    row->kind = (enum pool_kind)choice(line, word(line, 2), pool_kind_names, 0);
    row->release = (enum pool_release)choice(line, option(line, "release"), pool_release_names,
                                             row->kind == pool_kind_FLOATING ? pool_release_REFRESH
                                                                             : pool_release_KEEP);
    row->roam =
        (enum pool_roam)choice(line, option(line, "roam"), pool_roam_names, pool_roam_ALWAYS);
    row->credential = (enum pool_credential)choice(
        line, option(line, "credential"), pool_credential_names,
        row->kind == pool_kind_MANUAL ? pool_credential_PASSTHROUGH : pool_credential_PER_SESSION);
    row->address = (enum pool_address)choice(line, option(line, "address"), pool_address_names,
                                             row->kind == pool_kind_MANUAL ? pool_address_FIXED
                                                                           : pool_address_AGENT);
}

static void pool_line(struct world *world, const struct line *line)
{
    struct row_pool row = { .id = new_id(world),
                            .max = number(line, "max", 4),
                            .spare = number(line, "spare", 1),
                            .port = 3389,
                            .disconnected_s = number(line, "disconnected", 0),
                            .idle_s = number(line, "idle", 0),
                            .absolute_s = number(line, "absolute", 0),
                            .start_limit_s = number(line, "limit", 60) };
    const char *hosts = option(line, "hosts");

    COPY(row.name, word(line, 1));
    COPY(row.title, row.name);
    COPY(row.account, "berth");
    COPY(row.template, "/templates/desktop.xml");
    if (hosts)
        (void)snprintf(row.hosts, sizeof(row.hosts), "%" PRIu64,
                       named(world, line, ENTITY_host, hosts));
    pool_choices(line, &row);
    if (row.kind != pool_kind_MANUAL)
        row.image_id = named(world, line, ENTITY_image, option(line, "image"));
    put(world, ENTITY_pool, &row);
}

static void machine_line(struct world *world, const struct line *line)
{
    struct row_desktop row = { .id = new_id(world) };
    struct row_slot slot = { .id = new_id(world), .desktop_id = row.id };
    const char *at = option(line, "at");
    const char *colon = at ? strchr(at, ':') : NULL;

    if (!colon)
        refuse_line(line, "at ADDRESS:PORT");
    COPY(row.name, word(line, 1));
    row.pool_id = named(world, line, ENTITY_pool, option(line, "pool"));
    (void)snprintf(row.address, sizeof(row.address), "%.*s", (int)(colon - at), at);
    row.port = strtoll(colon + 1, NULL, 10);
    put(world, ENTITY_desktop, &row);
    put(world, ENTITY_slot, &slot);
    (void)machine_add_existing(world->hypervisors, row.name, row.address, (int)row.port);
}

static void user_line(struct world *world, const struct line *line)
{
    struct row_user row = { .id = new_id(world), .kind = user_kind_PERSON };
    const char *password = option(line, "password");

    COPY(row.name, word(line, 1));
    if (strcmp(line->words[0], "kioskuser") == 0)
        row.kind = user_kind_KIOSK;
    if (password)
        fake_auth_hash(password, row.password_hash);
    put(world, ENTITY_user, &row);
}

static void group_line(struct world *world, const struct line *line)
{
    struct row_group row = { .id = new_id(world) };

    COPY(row.name, word(line, 1));
    put(world, ENTITY_group, &row);
}

static void member_line(struct world *world, const struct line *line)
{
    struct row_membership row = { .id = new_id(world) };

    row.group_id = named(world, line, ENTITY_group, word(line, 1));
    row.user_id = named(world, line, ENTITY_user, word(line, 2));
    put(world, ENTITY_membership, &row);
}

static void badge_line(struct world *world, const struct line *line)
{
    struct row_badge row = { .id = new_id(world) };

    row.user_id = named(world, line, ENTITY_user, word(line, 1));
    auth_badge_hash(NULL, word(line, 2), row.uid_hash);
    put(world, ENTITY_badge, &row);
}

/* Add the rows of a terminal with this key. Returns the end of its certificate. */
static int64_t terminal_rows(struct world *world, const struct line *line, const char *key_hash)
{
    struct row_terminal row = { .id = new_id(world) };
    struct row_identity identity = { .id = new_id(world),
                                     .terminal_id = row.id,
                                     .state = identity_CURRENT };
    const char *tags = option(line, "tags");

    COPY(row.name, word(line, 1));
    (void)snprintf(row.serial, sizeof(row.serial), "SN-%.60s", row.name);
    COPY(row.tags, tags ? tags : "");
    row.state = (enum terminal_state)choice(line, option(line, "state"), terminal_state_names,
                                            terminal_ACCEPTED);
    row.place_id = named(world, line, ENTITY_place, option(line, "place"));
    row.kiosk_user_id = named(world, line, ENTITY_user, option(line, "kiosk"));
    COPY(identity.key_hash, key_hash);
    identity.not_after_ms = world->environment.timers.wall_ms + YEAR_MS;
    put(world, ENTITY_terminal, &row);
    put(world, ENTITY_identity, &identity);
    return identity.not_after_ms;
}

static void terminal_line(struct world *world, const struct line *line)
{
    struct fake_terminal *terminal = world_make_terminal(world, word(line, 1));
    int64_t until_ms = terminal_rows(world, line, terminal->key_hash);

    (void)snprintf(terminal->certificate, sizeof(terminal->certificate),
                   "certificate %s %s %" PRId64, terminal->name, terminal->key_hash, until_ms);
}

static void agent_line(struct world *world, const struct line *line)
{
    char key_hash[72];

    fake_digest(word(line, 1), key_hash);
    (void)terminal_rows(world, line, key_hash);
}

static bool said_yes(const struct line *line, const char *key)
{
    const char *text = option(line, key);

    return text && strcmp(text, "yes") == 0;
}

static void entitlement_line(struct world *world, const struct line *line)
{
    struct row_entitlement row = { .id = new_id(world),
                                   .priority = number(line, "priority", 0),
                                   .clipboard = said_yes(line, "clipboard"),
                                   .sound = said_yes(line, "sound") };
    size_t pool_at = 2;

    row.effect = strcmp(line->words[0], "deny") == 0 ? effect_DENY : effect_ALLOW;
    row.subject_kind = (enum subject_kind)choice(line, word(line, 1), subject_kind_names, 0);
    if (row.subject_kind != subject_kind_EVERYONE) {
        const struct subject subject = entitlement_subject(&row);
        uint64_t *id = entitlement_subject_id(&row);

        if (id)
            *id = named(world, line, subject.kind, word(line, 2));
        else
            COPY(row.subject, word(line, 2));
        pool_at = 3;
    }
    row.pool_id = named(world, line, ENTITY_pool, word(line, pool_at));
    put(world, ENTITY_entitlement, &row);
}

static void profile_line(struct world *world, const struct line *line)
{
    struct row_profile row = { .id = new_id(world), .priority = number(line, "priority", 0) };
    size_t length = 0;
    uint64_t *id;

    COPY(row.name, word(line, 1));
    row.level = (enum profile_level)choice(line, word(line, 2), profile_level_names, 0);
    id = profile_subject_id(&row);
    if (id)
        *id = named(world, line, profile_subject(&row).kind, word(line, 3));
    else if (strcmp(word(line, 3), "-") != 0)
        COPY(row.subject, word(line, 3));
    for (size_t i = 4; i < line->count; i++) {
        char *equals = strchr(line->words[i], '=');

        if (equals)
            length += (size_t)snprintf(row.settings + length, sizeof(row.settings) - length,
                                       "%.*s = %s\n", (int)(equals - line->words[i]),
                                       line->words[i], equals + 1);
    }
    put(world, ENTITY_profile, &row);
}

static void admin_line(struct world *world, const struct line *line)
{
    struct row_admin row = { .id = new_id(world) };

    COPY(row.name, word(line, 1));
    row.role = (enum role)choice(line, word(line, 2), role_names, 0);
    put(world, ENTITY_admin, &row);
}

/* clang-format off */
static const struct {
    const char *word;
    void (*read)(struct world *world, const struct line *line);
} lines_known[] = {
    { "site", site_line },         { "place", place_line },       { "host", host_line },
    { "image", image_line },       { "pool", pool_line },         { "machine", machine_line },
    { "user", user_line },         { "kioskuser", user_line },    { "group", group_line },
    { "member", member_line },     { "badge", badge_line },       { "terminal", terminal_line },
    { "entitle", entitlement_line }, { "deny", entitlement_line }, { "profile", profile_line },
    { "admin", admin_line },       { "agent", agent_line },
};
/* clang-format on */

static void read_line(struct world *world, struct line *line)
{
    for (size_t i = 0; i < BERTH_COUNT(lines_known); i++) {
        if (strcmp(lines_known[i].word, line->words[0]) == 0) {
            lines_known[i].read(world, line);
            return;
        }
    }
    refuse_line(line, "nobody knows this word");
}

static void split(struct line *line)
{
    char *rest = NULL;

    line->count = 0;
    for (char *at = strtok_r(line->text, " ", &rest); at && line->count < WORDS_MAX;
         at = strtok_r(NULL, " ", &rest))
        line->words[line->count++] = at;
}

void world_read(struct world *world, const char *lines)
{
    struct line line = { .text = "site main" };

    if (strncmp(lines, "site main", 9) != 0) {
        split(&line);
        read_line(world, &line);
    }
    while (*lines) {
        size_t length = strcspn(lines, "\n");

        (void)snprintf(line.text, sizeof(line.text), "%.*s", (int)length, lines);
        split(&line);
        if (line.count)
            read_line(world, &line);
        lines += length + (lines[length] == '\n');
    }
}
