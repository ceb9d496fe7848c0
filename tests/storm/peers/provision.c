/* provision.c - peers-provision: keys and certificates for many terminals, and a broker that knows
 * them.
 *
 *     peers-provision FOLDER TERMINALS [POOLS DESKTOPS]
 *
 * Makes FOLDER/data, a data folder of berthd in which every terminal is accepted, and for all
 * servers alike FOLDER/ca.crt, FOLDER/server.crt, FOLDER/server.key and FOLDER/terminals.pem (key,
 * certificate, key, certificate ...). berthd uses the same authority, so the same terminals connect
 * to berthd, mosquitto and nginx. With POOLS: one user, anna, who may use all pools, each with
 * DESKTOPS desktops.
 */
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "berth/issuer.h"
#include "berth/loop.h"
#include "berth/tls.h"

#include "auth/auth_setup.h"
#include "core/core.h"
#include "store/store.h"

/* Two rows each in one decision. */
#define TERMINALS_A_COMMIT 15
#define DESKTOPS_A_COMMIT 15
#define LIFE_MS INT64_C(86400000)

static struct provisioner {
    const char *folder;
    struct berth_loop loop;
    struct berth_random random;
    struct store *store;
    struct issuer *issuer;
    FILE *keys;
    struct op op;
    int result;
    uint64_t last_id;
} here;

static void die(const char *what, const struct berth_error *error)
{
    (void)fprintf(stderr, "peers-provision: %s: %s\n", what, berth_error_text(error));
    exit(1);
}

static void store_wake(void *context)
{
    uv_async_send(context);
}

static void store_woke(uv_async_t *async)
{
    (void)async;
    store_turn(here.store);
}

static void store_failed(void *context, const struct berth_error *error)
{
    (void)context;
    die("the store", error);
}

static void committed(struct op *op, int result)
{
    (void)op;
    here.result = result;
}

static void commit(struct changes *changes)
{
    op_init(&here.op, &here.loop.timers, committed);
    here.result = 1;
    if (store_commit_begin(here.store, changes, &here.op) < 0)
        die("commit", &here.op.error);
    while (here.result == 1)
        loop_turn(&here.loop, 1000);
    if (here.result < 0)
        die("commit", &here.op.error);
    changes_free(changes);
}

static FILE *create(const char *name, mode_t mode)
{
    char path[512];
    FILE *stream;

    (void)snprintf(path, sizeof(path), "%s/%s", here.folder, name);
    stream = fopen(path, "wxe");
    if (!stream || fchmod(fileno(stream), mode) < 0) {
        perror(path);
        exit(1);
    }
    return stream;
}

static void write_file(const char *name, mode_t mode, const char *text)
{
    FILE *stream = create(name, mode);

    if (fputs(text, stream) < 0 || fclose(stream) != 0) {
        perror(name);
        exit(1);
    }
}

static char *slurp(const char *name)
{
    static char text[8192];
    char path[512];
    FILE *stream;
    size_t size;

    (void)snprintf(path, sizeof(path), "%s/%s", here.folder, name);
    stream = fopen(path, "re");
    size = stream ? fread(text, 1, sizeof(text) - 1, stream) : 0;
    if (stream)
        (void)fclose(stream);
    text[size] = '\0';
    return text;
}

/* ---- the authority: made as berthd makes it, then opened for signing ---- */

static void make_authority(const char *data)
{
    struct berth_error error = { 0 };
    struct offload *signing = offload_new(&here.loop, 1, 8);
    struct ca_server server;
    struct ca *ca;
    char *key;

    if (ca_open(&(struct ca_setup){ .folder = data,
                                    .site = "Berth",
                                    .certificate_h = 24,
                                    .signing = signing,
                                    .timers = &here.loop.timers,
                                    .random = &here.random },
                &ca, &error) < 0 ||
        ca_server_certificate(ca, "localhost 127.0.0.1", &server, &error) < 0)
        die("the authority", &error);
    write_file("ca.crt", 0644, ca_certificate(ca));
    write_file("server.crt", 0644, server.chain);
    write_file("server.key", 0600, server.key);
    explicit_bzero(server.key, sizeof(server.key));
    key = berth_strdup(slurp("data/ca/ca.key"));
    if (issuer_open(key, ca_certificate(ca), &here.issuer, &error) < 0)
        die("the authority", &error);
    berth_wipe_free(key, strlen(key));
    ca_free(ca);
    offload_free(signing);
}

/* ---- terminals ---- */

static void add_terminal(struct changes *changes)
{
    struct row_terminal terminal = { .id = ++here.last_id, .state = terminal_ACCEPTED };
    struct row_identity identity = { .id = ++here.last_id,
                                     .terminal_id = terminal.id,
                                     .state = identity_CURRENT };
    struct berth_error error = { 0 };
    struct certificate_params params = { 0 };
    char certificate[ISSUER_PEM_MAX];
    char uri[64];
    char *key = NULL;
    char *request = NULL;

    (void)snprintf(terminal.name, sizeof(terminal.name), "t-%05llu",
                   (unsigned long long)terminal.id);
    (void)snprintf(uri, sizeof(uri), "berth:terminal:%llu", (unsigned long long)terminal.id);
    params.common_name = terminal.name;
    params.uri = uri;
    params.begins_ms = here.loop.timers.wall_ms - LIFE_MS;
    params.ends_ms = here.loop.timers.wall_ms + LIFE_MS;
    memcpy(params.serial + 1, &terminal.id, sizeof(terminal.id));
    params.serial[0] = 1;
    if (tls_make_key(&key, &error) < 0 ||
        tls_make_request(key, terminal.name, &request, &error) < 0)
        die("a key", &error);
    params.request = request;
    if (issuer_check_request(request, identity.key_hash, &error) < 0 ||
        issuer_sign(here.issuer, &params, certificate, &identity.not_after_ms, &error) < 0)
        die("a certificate", &error);
    if (fputs(key, here.keys) < 0 || fputs(certificate, here.keys) < 0) {
        perror("terminals.pem");
        exit(1);
    }
    (void)changes_add(changes, ENTITY_terminal, &terminal);
    (void)changes_add(changes, ENTITY_identity, &identity);
    berth_wipe_free(key, strlen(key));
    free(request);
}

static void add_terminals(long count)
{
    here.keys = create("terminals.pem", 0600);
    while (count > 0) {
        struct changes *changes = changes_new("peers", "broker", "bench.provision");

        for (int i = 0; i < TERMINALS_A_COMMIT && count > 0; i++, count--)
            add_terminal(changes);
        commit(changes);
    }
    if (fclose(here.keys) != 0)
        perror("terminals.pem");
}

/* ---- pools of existing machines, and who may use them ---- */

static void add_desktops(const struct row_pool *pool, long number, long count)
{
    for (long i = 0; i < count;) {
        struct changes *changes = changes_new("peers", "broker", "bench.provision");

        for (int j = 0; j < DESKTOPS_A_COMMIT && i < count; j++, i++) {
            struct row_desktop desktop = { .id = ++here.last_id, .pool_id = pool->id };
            struct row_slot slot = { .id = ++here.last_id, .desktop_id = desktop.id };

            (void)snprintf(desktop.name, sizeof(desktop.name), "d-%ld-%ld", number, i);
            (void)snprintf(desktop.address, sizeof(desktop.address), "10.0.%ld.%ld", number, i + 1);
            desktop.port = 3389;
            (void)changes_add(changes, ENTITY_desktop, &desktop);
            (void)changes_add(changes, ENTITY_slot, &slot);
        }
        commit(changes);
    }
}

static void add_pools(long pools, long desktops)
{
    struct changes *changes = changes_new("peers", "broker", "bench.provision");
    struct row_user anna = { .id = ++here.last_id, .kind = user_kind_PERSON, .name = "anna" };

    (void)changes_add(changes, ENTITY_user, &anna);
    commit(changes);
    for (long i = 1; i <= pools; i++) {
        struct row_pool pool = { .id = ++here.last_id,
                                 .kind = pool_kind_MANUAL,
                                 .release = pool_release_KEEP,
                                 .credential = pool_credential_PASSTHROUGH,
                                 .roam = pool_roam_ALWAYS,
                                 .address = pool_address_FIXED,
                                 .max = desktops,
                                 .port = 3389 };
        struct row_entitlement entitlement = { .id = ++here.last_id,
                                               .subject_kind = subject_kind_EVERYONE,
                                               .pool_id = pool.id,
                                               .effect = effect_ALLOW,
                                               .priority = i };

        (void)snprintf(pool.name, sizeof(pool.name), "pool-%ld", i);
        changes = changes_new("peers", "broker", "bench.provision");
        (void)changes_add(changes, ENTITY_pool, &pool);
        (void)changes_add(changes, ENTITY_entitlement, &entitlement);
        commit(changes);
        add_desktops(&pool, i, desktops);
    }
}

int main(int argc, char **argv)
{
    long terminals = argc > 2 ? strtol(argv[2], NULL, 10) : 0;
    long pools = argc > 3 ? strtol(argv[3], NULL, 10) : 0;
    long desktops = argc > 4 ? strtol(argv[4], NULL, 10) : 0;
    struct berth_error error = { 0 };
    uv_async_t async;
    char data[512];

    if (terminals < 1 || terminals > 100000 || pools < 0 || pools > 100 || desktops < 0 ||
        desktops > 1000) {
        (void)fprintf(stderr, "usage: peers-provision FOLDER TERMINALS [POOLS DESKTOPS]\n");
        return 2;
    }
    here.folder = argv[1];
    (void)snprintf(data, sizeof(data), "%s/data", here.folder);
    if (mkdir(data, 0700) < 0) {
        perror(data);
        return 1;
    }
    if (loop_init(&here.loop, &error) < 0)
        die("the loop", &error);
    here.loop.slow_limit_ms = 0;
    random_system(&here.random);
    (void)uv_async_init(&here.loop.uv, &async, store_woke);
    make_authority(data);
    if (store_open(&(struct store_setup){ .folder = data,
                                          .timers = &here.loop.timers,
                                          .wake = store_wake,
                                          .failed = store_failed,
                                          .context = &async },
                   &here.store, &error) < 0)
        die("the store", &error);
    add_terminals(terminals);
    if (pools > 0)
        add_pools(pools, desktops);
    store_close(here.store);
    uv_close((uv_handle_t *)&async, NULL);
    loop_close(&here.loop);
    issuer_free(here.issuer);
    return 0;
}
