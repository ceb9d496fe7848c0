/* seed.c - sets up host, image, pool, users and desktops by the management API. */
#include "seed.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "berth/json.h"

#include "rest.h"

#define DESKTOPS_LIMIT_MS 1200000
#define DEPTH 16

/* ---- many requests of one kind ---- */

struct batch {
    struct rest_call *calls;
    size_t count;
};

static void batch_new(struct batch *batch, size_t count)
{
    *batch = (struct batch){ .calls = berth_new_array(struct rest_call, count ? count : 1),
                             .count = count };
}

static void batch_free(struct batch *batch)
{
    for (size_t i = 0; i < batch->count; i++)
        free(batch->calls[i].text);
    free(batch->calls);
}

static void put(struct batch *batch, size_t i, const char *method, json_t *body)
{
    batch->calls[i].method = method;
    batch->calls[i].body = json_text(body);
    json_decref(body);
}

static int send_all(struct storm *storm, struct batch *batch, struct berth_error *reterr)
{
    return rest_all(storm->site.socket, batch->calls, batch->count, reterr);
}

/* ---- rows ---- */

static int add(struct storm *storm, const char *path, json_t *body, struct berth_error *reterr)
{
    return rest_one(storm->site.socket, "POST", path, body, NULL, reterr);
}

static int add_pool(struct storm *storm, struct berth_error *reterr)
{
    char template[STORM_PATH + 64];
    int r;

    (void)site_path(&storm->site, "template.xml", template);
    r = add(storm, "/v1/pools",
            json_pack("{s:s, s:s, s:s, s:s, s:i, s:i, s:i, s:s, s:s, s:s, s:s}", "name", SITE_POOL,
                      "kind", "floating", "image", "desktop", "template", template, "max", 0,
                      "spare", 0, "port", SITE_RDP_PORT, "address", "lease", "credential",
                      "per-session", "account", "user", "release", "keep"),
            reterr);
    if (r < 0)
        return r;
    return add(storm, "/v1/entitlements",
               json_pack("{s:s, s:s, s:s, s:i}", "subject_kind", "everyone", "pool", SITE_POOL,
                         "effect", "allow", "priority", 10),
               reterr);
}

static int add_host(struct storm *storm, struct berth_error *reterr)
{
    return add(storm, "/v1/hosts",
               json_pack("{s:s, s:s, s:s, s:i, s:i, s:i, s:s}", "name", "here", "uri",
                         storm->site.uri, "address", "127.0.0.1", "max_starting", 32,
                         "max_desktops", 100000, "weight", 1, "storage", "berth"),
               reterr);
}

static int add_image(struct storm *storm, struct berth_error *reterr)
{
    int r = add(storm, "/v1/images", json_pack("{s:s}", "name", "desktop"), reterr);

    if (r == 0)
        r = add(storm, "/v1/images/desktop/versions",
                json_pack("{s:s}", "path", "/nowhere/desktop.qcow2"), reterr);
    if (r == 0)
        r = add(storm, "/v1/images/desktop/publish", json_pack("{s:i}", "number", 1), reterr);
    return r;
}

/* Users named <prefix>-00001 ...; their numbers go to `ids`. */
static int add_users(struct storm *storm, const char *prefix, const char *kind, size_t count,
                     uint64_t *ids, struct berth_error *reterr)
{
    struct batch batch;
    char name[64];
    int r;

    batch_new(&batch, count);
    for (size_t i = 0; i < count; i++) {
        (void)snprintf(name, sizeof(name), "%s-%05zu", prefix, i + 1);
        (void)snprintf(batch.calls[i].path, sizeof(batch.calls[i].path), "/v1/users");
        put(&batch, i, "POST",
            json_pack("{s:s, s:s, s:s}", "name", name, "title", name, "kind", kind));
    }
    r = send_all(storm, &batch, reterr);
    for (size_t i = 0; r == 0 && i < count; i++) {
        json_t *row = json_parse(batch.calls[i].text, batch.calls[i].size, DEPTH, reterr);

        if (!row)
            r = BERTH_E_PROTOCOL;
        ids[i] = (uint64_t)json_integer_value(json_object_get(row, "id"));
        json_decref(row);
    }
    batch_free(&batch);
    return r;
}

/* Password (slow: one argon2id hash each) and badge. */
static int equip_people(struct storm *storm, struct berth_error *reterr)
{
    struct population *population = &storm->population;
    struct batch batch;
    char badge[64];
    int r;

    batch_new(&batch, population->people_count * 2);
    for (size_t i = 0; i < population->people_count; i++) {
        struct rest_call *call = &batch.calls[2 * i];

        (void)snprintf(call[0].path, sizeof(call[0].path), "/v1/users/%" PRIu64 "/password",
                       population->people[i]);
        put(&batch, 2 * i, "POST", json_pack("{s:s}", "password", PEOPLE_PASSWORD));
        (void)snprintf(badge, sizeof(badge), "badge-%05zu", i + 1);
        (void)snprintf(call[1].path, sizeof(call[1].path), "/v1/users/%" PRIu64 "/badges",
                       population->people[i]);
        put(&batch, 2 * i + 1, "POST", json_pack("{s:s}", "uid", badge));
    }
    r = send_all(storm, &batch, reterr);
    batch_free(&batch);
    return r;
}

int seed_people(struct storm *storm, struct berth_error *reterr)
{
    struct population *population = &storm->population;
    int r;

    r = add_users(storm, "kiosk", "kiosk", population->count, population->kiosks, reterr);
    if (r == 0)
        r = add_users(storm, "person", "person", population->people_count, population->people,
                      reterr);
    if (r == 0 && population->people_count > 0)
        r = equip_people(storm, reterr);
    return r;
}

int seed_site(struct storm *storm, struct berth_error *reterr)
{
    int r = add_host(storm, reterr);

    if (r == 0)
        r = add_image(storm, reterr);
    if (r == 0)
        r = add_pool(storm, reterr);
    return r < 0 ? r : seed_people(storm, reterr);
}

int seed_kiosk_of(struct storm *storm, const size_t *at, const uint64_t *user, size_t count,
                  struct berth_error *reterr)
{
    struct batch batch;
    char name[64];
    int r;

    batch_new(&batch, count);
    for (size_t i = 0; i < count; i++) {
        terminal_name(at[i], name);
        (void)snprintf(batch.calls[i].path, sizeof(batch.calls[i].path), "/v1/terminals/%s", name);
        put(&batch, i, "PATCH", json_pack("{s:I}", "kiosk_user_id", (json_int_t)user[i]));
    }
    r = send_all(storm, &batch, reterr);
    batch_free(&batch);
    return r;
}

int seed_kiosks(struct storm *storm, struct berth_error *reterr)
{
    struct population *population = &storm->population;
    size_t *at = berth_new_array(size_t, population->count);
    int r;

    for (size_t i = 0; i < population->count; i++)
        at[i] = i;
    r = seed_kiosk_of(storm, at, population->kiosks, population->count, reterr);
    free(at);
    return r;
}

int seed_invitation(struct storm *storm, struct invite *ret, struct berth_error *reterr)
{
    json_t *json = NULL;
    const char *text;
    int r;

    r = rest_one(storm->site.socket, "POST", "/v1/invitations",
                 json_pack("{s:i}", "uses", (int)storm->population.count), &json, reterr);
    if (r < 0)
        return r;
    text = json_string_value(json_object_get(json, "invitation"));
    r = invite_parse(text ? text : "", ret, reterr);
    json_decref(json);
    return r;
}

/* ---- desktops ---- */

static int64_t ready_desktops(struct storm *storm, struct berth_error *reterr)
{
    json_t *json = NULL;
    int64_t spare;

    if (rest_one(storm->site.socket, "GET", "/v1/pools/" SITE_POOL "/status", NULL, &json, reterr) <
        0)
        return reterr->code;
    spare = json_integer_value(json_object_get(json, "spare"));
    if (json_integer_value(json_object_get(json, "backoff_s")) > 0) {
        (void)berth_fail(reterr, BERTH_E_DESKTOP, "the pool is in back-off: %s",
                         json_string_value(json_object_get(json, "backoff_why")));
        spare = BERTH_E_DESKTOP;
    }
    json_decref(json);
    return spare;
}

static int await_desktops(struct storm *storm, size_t count, struct berth_error *reterr)
{
    const struct timespec second = { .tv_sec = 1 };
    int64_t began_us = storm_now_us();

    while (!storm_is_called_off() &&
           storm_now_us() - began_us < DESKTOPS_LIMIT_MS * INT64_C(1000)) {
        int64_t ready = ready_desktops(storm, reterr);

        if (ready < 0)
            return (int)ready;
        if (ready >= (int64_t)count)
            return 0;
        (void)fprintf(stderr, "berth-storm: %lld of %zu desktops are up and probed\n",
                      (long long)ready, count);
        (void)nanosleep(&second, NULL);
    }
    return berth_fail(reterr, BERTH_E_TIMEOUT, "the desktops do not come up");
}

int seed_desktops(struct storm *storm, size_t count, struct berth_error *reterr)
{
    char template[STORM_PATH + 64];
    int r;

    if (!storm->site.ours)
        return 0; /* a running broker has its own desktops */
    (void)site_path(&storm->site, "template.xml", template);
    r = rest_one(storm->site.socket, "PATCH", "/v1/hosts/here",
                 json_pack("{s:s}", "uri", storm->site.uri), NULL, reterr);
    if (r == 0)
        r = rest_one(storm->site.socket, "PATCH", "/v1/pools/" SITE_POOL,
                     json_pack("{s:s, s:I, s:I}", "template", template, "max", (json_int_t)count,
                               "spare", (json_int_t)count),
                     NULL, reterr);
    if (r == 0)
        r = await_desktops(storm, count, reterr);
    /* No more desktops from here on: each sign-on leaves one spare less. */
    if (r == 0)
        r = rest_one(storm->site.socket, "PATCH", "/v1/pools/" SITE_POOL,
                     json_pack("{s:i}", "spare", 0), NULL, reterr);
    return r;
}

/* ---- numbers of users ---- */

int seed_save_people(const struct storm *storm, const char *folder, struct berth_error *reterr)
{
    const struct population *population = &storm->population;
    char path[STORM_PATH + 64];
    FILE *file;
    bool ok;

    (void)snprintf(path, sizeof(path), "%s/people", folder);
    file = fopen(path, "we");
    ok = file != NULL;
    for (size_t i = 0; ok && i < population->count; i++)
        ok = fprintf(file, "%" PRIu64 "\n", population->kiosks[i]) > 0;
    for (size_t i = 0; ok && i < population->people_count; i++)
        ok = fprintf(file, "%" PRIu64 "\n", population->people[i]) > 0;
    if (file && fclose(file) != 0)
        ok = false;
    return ok ? 0 : berth_fail(reterr, BERTH_E_IO, "%s: %s", path, strerror(errno));
}

static bool read_number(FILE *file, uint64_t *ret)
{
    char line[32];

    if (!fgets(line, sizeof(line), file))
        return false;
    *ret = strtoull(line, NULL, 10);
    return *ret != 0;
}

int seed_load_people(struct storm *storm, const char *folder, struct berth_error *reterr)
{
    struct population *population = &storm->population;
    char path[STORM_PATH + 64];
    FILE *file;
    bool ok;

    (void)snprintf(path, sizeof(path), "%s/people", folder);
    file = fopen(path, "re");
    ok = file != NULL;
    for (size_t i = 0; ok && i < population->count; i++)
        ok = read_number(file, &population->kiosks[i]);
    for (size_t i = 0; ok && i < population->people_count; i++)
        ok = read_number(file, &population->people[i]);
    if (file)
        (void)fclose(file);
    return ok ? 0 : berth_fail(reterr, BERTH_E_NOT_FOUND, "%s: too few people", path);
}
