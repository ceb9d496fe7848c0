/* admin_rules.c - the checks of rows that administrators write, one kind of entity after the
 * other. */
#include "flow/admin_rules.h"

#include <stdio.h>
#include <string.h>

#include "core/address.h"
#include "core/index.h"
#include "flow/admin_references.h"

/* ---- checks that several rules use ---- */

/* Names are typed and listed with spaces between; a number would be taken for an id. */
static int check_name(const char *what, const char *name, const char *also,
                      struct berth_error *reterr)
{
    bool digits_only = true;

    if (!name[0])
        return berth_fail(reterr, BERTH_E_INVALID, "%s: a name is needed", what);
    for (const unsigned char *c = (const unsigned char *)name; *c; c++) {
        bool plain = (*c >= '0' && *c <= '9') || (*c >= 'a' && *c <= 'z') ||
                     (*c >= 'A' && *c <= 'Z') || *c >= 0x80 || strchr("._-@+", *c);

        if (!plain && !strchr(also, *c))
            return berth_fail(reterr, BERTH_E_INVALID, "%s '%s': '%c' cannot be part of a name",
                              what, name, *c);
        digits_only = digits_only && *c >= '0' && *c <= '9';
    }
    if (digits_only || name[0] == '-')
        return berth_fail(reterr, BERTH_E_INVALID,
                          "%s '%s': a name is neither a number nor begins with '-'", what, name);
    return 0;
}

int admin_check_name(const char *what, const char *name, const char *also,
                     struct berth_error *reterr)
{
    return check_name(what, name, also, reterr);
}

static int check_refers(struct core *core, enum entity_kind kind, uint64_t id, const char *whose,
                        struct berth_error *reterr)
{
    if (core_find(core, kind, id))
        return 0;
    return berth_fail(reterr, BERTH_E_NOT_FOUND, "%s: there is no %s with the id %llu", whose,
                      entity_row(kind)->name, (unsigned long long)id);
}

/* An entity of `kind` that has not ended and whose id at `offset` of its row is `id`; for checks
 * that are rare. Rows that have ended do not prevent a deletion: memory has few of them, and the
 * store clears their references to a deleted row. */
static struct entity *first_that_refers(struct core *core, enum entity_kind kind, size_t offset,
                                        uint64_t id)
{
    list_each (core_all(core, kind), node) {
        struct entity *entity = entity_of(node);
        uint64_t value;

        memcpy(&value, (const char *)entity_row_of(entity) + offset, sizeof(value));
        if (value == id && !core_has_ended(kind, entity_row_of(entity)))
            return entity;
    }
    return NULL;
}

static int in_use(const char *what, const char *name, const char *by, struct berth_error *reterr)
{
    return berth_fail(reterr, BERTH_E_STATE, "%s '%s' cannot be deleted: %s", what, name, by);
}

/* ---- site, place ---- */

static int check_site(berth_unused struct core *core, void *row_, const void *now,
                      struct berth_error *reterr)
{
    struct row_site *row = row_;

    if (!row->join_policy)
        row->join_policy = join_policy_ACCEPT;
    if (!now && !row->renew_days)
        row->renew_days = 14;
    return check_name("site", row->name, "", reterr);
}

static int unused_site(struct core *core, const void *row_, struct berth_error *reterr)
{
    const struct row_site *row = row_;

    if (first_that_refers(core, ENTITY_place, offsetof(struct row_place, site_id), row->id))
        return in_use("site", row->name, "places belong to it", reterr);
    return admin_check_unreferenced(core, ENTITY_site, row->id, row->name, reterr);
}

/* When there is one site only, it is the default. */
static int check_place(struct core *core, void *row_, berth_unused const void *now,
                       struct berth_error *reterr)
{
    struct row_place *row = row_;
    struct list *sites = core_all(core, ENTITY_site);

    if (row->name[0] == '/' || strstr(row->name, "//") ||
        (row->name[0] && row->name[strlen(row->name) - 1] == '/'))
        return berth_fail(reterr, BERTH_E_INVALID,
                          "place '%s': a path has a name between any two '/', and none around it",
                          row->name);
    if (!row->site_id && core->of[ENTITY_site].count == 1)
        row->site_id = container_of(entity_of(sites->next), struct site, base)->row.id;
    if (!row->site_id)
        return berth_fail(reterr, BERTH_E_INVALID, "place '%s': the site is missing", row->name);
    if (!site_find(core, row->site_id))
        return check_refers(core, ENTITY_site, row->site_id, "place", reterr);
    return check_name("place", row->name, "/", reterr);
}

static int unused_place(struct core *core, const void *row_, struct berth_error *reterr)
{
    const struct row_place *row = row_;

    if (index_first(core, TERMINALS_OF_PLACE, row->id))
        return in_use("place", row->name, "terminals stand there", reterr);
    if (first_that_refers(core, ENTITY_invitation, offsetof(struct row_invitation, place_id),
                          row->id))
        return in_use("place", row->name, "an invitation names it", reterr);
    return admin_check_unreferenced(core, ENTITY_place, row->id, row->name, reterr);
}

/* ---- host ---- */

/* Forwarded desktops of the host are probed and shown at this address. */
static int check_host_address(struct row_host *row, const struct row_host *now,
                              struct berth_error *reterr)
{
    char whose[80];
    char address[ADDRESS_TEXT];
    int r;

    if (!row->address[0] || (now && strcmp(now->address, row->address) == 0))
        return 0;
    (void)snprintf(whose, sizeof(whose), "host '%s'", row->name);
    r = address_normalize(whose, row->address, address, reterr);
    if (r == 0)
        (void)snprintf(row->address, sizeof(row->address), "%s", address);
    return r;
}

#define HOST_PORT_MIN 1024 /* QEMU runs as an account that may not open lower ports */

/* Another host at the same address with an overlapping range of ports, or NULL. */
static const struct host *ports_taken(struct core *core, const struct row_host *row)
{
    const char *address = row->address[0] ? row->address : "127.0.0.1";

    list_each (core_all(core, ENTITY_host), node) {
        const struct host *host = container_of(entity_of(node), struct host, base);

        if (host->row.id != row->id && host->row.port_first > 0 &&
            host->row.port_first <= row->port_last && row->port_first <= host->row.port_last &&
            strcmp(address_of_host(host), address) == 0)
            return host;
    }
    return NULL;
}

static int check_host_ports(struct core *core, const struct row_host *row,
                            const struct row_host *now, struct berth_error *reterr)
{
    const struct host *other;

    if (now && now->port_first == row->port_first && now->port_last == row->port_last &&
        strcmp(now->address, row->address) == 0)
        return 0;
    if (row->port_first > row->port_last)
        return berth_fail(reterr, BERTH_E_INVALID,
                          "host '%s': the first forwarded port (%lld) is above the last (%lld)",
                          row->name, (long long)row->port_first, (long long)row->port_last);
    if (row->port_last > 0 && row->port_first == 0)
        return berth_fail(reterr, BERTH_E_INVALID,
                          "host '%s': port_last is %lld; give port_first too", row->name,
                          (long long)row->port_last);
    if (row->port_last > 0 && row->port_first < HOST_PORT_MIN)
        return berth_fail(reterr, BERTH_E_INVALID,
                          "host '%s': port_first is %lld, but forwarded ports lie between %d and "
                          "65535",
                          row->name, (long long)row->port_first, HOST_PORT_MIN);
    other = row->port_first > 0 ? ports_taken(core, row) : NULL;
    if (other)
        return berth_fail(reterr, BERTH_E_INVALID,
                          "host '%s': host '%s' forwards ports %lld to %lld at the same address; "
                          "give ports that do not overlap",
                          row->name, other->row.name, (long long)other->row.port_first,
                          (long long)other->row.port_last);
    /* QEMU's user network opens ports at IPv4 addresses only. */
    if (row->port_first > 0 && strchr(row->address, ':'))
        return berth_fail(
            reterr, BERTH_E_INVALID,
            "host '%s': QEMU forwards ports of IPv4 addresses only, and '%s' is not one; "
            "give an IPv4 address, or no port_first and port_last",
            row->name, row->address);
    return 0;
}

/* Another hypervisor does not have the machines, so the broker would create them a second time. */
static int check_host_uri(struct core *core, const struct row_host *row, const struct row_host *now,
                          struct berth_error *reterr)
{
    if (!strstr(row->uri, "://"))
        return berth_fail(reterr, BERTH_E_INVALID,
                          "host '%s': '%s' is not a libvirt URI such as qemu:///system", row->name,
                          row->uri);
    if (now && strcmp(now->uri, row->uri) != 0 && index_first(core, DESKTOPS_OF_HOST, row->id))
        return berth_fail(reterr, BERTH_E_STATE,
                          "host '%s': its URI cannot change while desktops live on it; add '%s' as "
                          "another host, or delete the desktops first",
                          row->name, row->uri);
    return 0;
}

static int check_host(struct core *core, void *row_, const void *now, struct berth_error *reterr)
{
    struct row_host *row = row_;
    int r;

    if (!row->mode)
        row->mode = host_mode_ACTIVE;
    if (!now && !row->max_starting)
        row->max_starting = 2;
    if (!now && !row->max_desktops)
        row->max_desktops = 100;
    if (!now && !row->weight)
        row->weight = 1;
    if (!row->storage[0])
        (void)snprintf(row->storage, sizeof(row->storage), "default");
    r = check_host_uri(core, row, now, reterr);
    if (r >= 0)
        r = check_host_address(row, now, reterr);
    if (r < 0)
        return r;
    r = check_host_ports(core, row, now, reterr);
    if (r < 0)
        return r;
    return check_name("host", row->name, "", reterr);
}

static int unused_host(struct core *core, const void *row_, struct berth_error *reterr)
{
    const struct row_host *row = row_;

    if (index_first(core, DESKTOPS_OF_HOST, row->id))
        return in_use("host", row->name, "desktops live on it", reterr);
    return admin_check_unreferenced(core, ENTITY_host, row->id, row->name, reterr);
}

/* ---- image ---- */

static int check_image(berth_unused struct core *core, void *row_, const void *now_,
                       struct berth_error *reterr)
{
    struct row_image *row = row_;
    const struct row_image *now = now_;

    row->current_id = now ? now->current_id : 0;
    row->previous_id = now ? now->previous_id : 0;
    return check_name("image", row->name, "", reterr);
}

static int unused_image(struct core *core, const void *row_, struct berth_error *reterr)
{
    const struct row_image *row = row_;

    if (first_that_refers(core, ENTITY_pool, offsetof(struct row_pool, image_id), row->id))
        return in_use("image", row->name, "a pool is made from it", reterr);
    if (index_first(core, VERSIONS_OF_IMAGE, row->id))
        return in_use("image", row->name, "it has versions", reterr);
    return 0;
}

/* Hosts find a file by its folder and its name. */
static int check_file_path(const char *what, const char *path, struct berth_error *reterr)
{
    size_t size = strlen(path);

    if (path[0] != '/')
        return berth_fail(reterr, BERTH_E_INVALID, "image version: %s '%s' is not an absolute path",
                          what, path);
    if (strchr("/ \t", path[size - 1]))
        return berth_fail(reterr, BERTH_E_INVALID,
                          "image version: %s '%s' ends with '/' or a blank: it names no file", what,
                          path);
    return 0;
}

static int check_file_paths(const struct row_image_version *row, struct berth_error *reterr)
{
    int r = check_file_path("path", row->path, reterr);

    if (r >= 0 && row->kernel[0])
        r = check_file_path("kernel", row->kernel, reterr);
    if (r >= 0 && row->initrd[0])
        r = check_file_path("initrd", row->initrd, reterr);
    return r;
}

/* Disks are backed by the file: two versions with one file would be the same version, and deleting
 * one would break the other. */
static int check_image_path(struct core *core, const struct row_image_version *row,
                            struct berth_error *reterr)
{
    int r = check_file_paths(row, reterr);

    if (r < 0)
        return r;
    list_each (core_all(core, ENTITY_image_version), node) {
        const struct row_image_version *other = entity_row_of(entity_of(node));
        const struct image *image = image_find(core, other->image_id);

        if (strcmp(other->path, row->path) == 0)
            return berth_fail(reterr, BERTH_E_EXISTS,
                              "image version: '%s' is version %lld of image '%s' already; a "
                              "version never changes, so give the new one a file of its own",
                              row->path, (long long)other->number, image ? image->row.name : "?");
    }
    return 0;
}

/* A version never changes: it is added as a draft, and may then only be published, retired and
 * deleted.
 */
static int check_image_version(struct core *core, void *row_, const void *now,
                               struct berth_error *reterr)
{
    struct row_image_version *row = row_;
    int r;

    if (now)
        return berth_fail(reterr, BERTH_E_STATE,
                          "an image version never changes; add the next one");
    if (!image_find(core, row->image_id))
        return check_refers(core, ENTITY_image, row->image_id, "image version", reterr);
    r = check_image_path(core, row, reterr);
    if (r < 0)
        return r;
    row->number = 1;
    list_each (index_list(core, VERSIONS_OF_IMAGE, row->image_id), node) {
        const struct row_image_version *other = entity_row_of(index_entry(VERSIONS_OF_IMAGE, node));

        if (other->number >= row->number)
            row->number = other->number + 1;
    }
    row->state = image_version_DRAFT;
    row->created_ms = core->timers->wall_ms;
    return 0;
}

static int unused_image_version(struct core *core, const void *row_, struct berth_error *reterr)
{
    const struct row_image_version *row = row_;

    if (first_that_refers(core, ENTITY_desktop, offsetof(struct row_desktop, image_version_id),
                          row->id))
        return berth_fail(reterr, BERTH_E_STATE,
                          "version %lld cannot be deleted: desktops are made from it",
                          (long long)row->number);
    if (first_that_refers(core, ENTITY_pool, offsetof(struct row_pool, recompose_version_id),
                          row->id))
        return berth_fail(reterr, BERTH_E_STATE,
                          "version %lld cannot be deleted: a pool is being recomposed to it",
                          (long long)row->number);
    if (first_that_refers(core, ENTITY_image, offsetof(struct row_image, current_id), row->id))
        return berth_fail(reterr, BERTH_E_STATE,
                          "version %lld cannot be deleted: it is the published one",
                          (long long)row->number);
    return 0;
}

/* A rollback to it is not possible any more. */
static void image_version_gone(struct core *core, const void *row_, struct changes *changes)
{
    const struct row_image_version *row = row_;
    const struct image *image = image_find(core, row->image_id);
    struct row_image *changed;

    if (!image || image->row.previous_id != row->id)
        return;
    changed = changes_set(changes, ENTITY_image, &image->row);
    changed->previous_id = 0;
}

/* ---- pool ---- */

static void complete_pool(struct row_pool *row)
{
    bool managed = row->kind == pool_kind_FLOATING || row->kind == pool_kind_DEDICATED;

    if (!row->title[0])
        (void)snprintf(row->title, sizeof(row->title), "%s", row->name);
    if (!row->release)
        row->release = row->kind == pool_kind_FLOATING ? pool_release_REFRESH : pool_release_KEEP;
    if (!row->credential)
        row->credential = managed ? pool_credential_PER_SESSION : pool_credential_PASSTHROUGH;
    if (!row->roam)
        row->roam = pool_roam_ALWAYS;
    if (!row->address)
        row->address = managed ? pool_address_AGENT : pool_address_FIXED;
    if (!row->port)
        row->port = 3389;
    if (!row->start_limit_s)
        row->start_limit_s = 120;
    if (row->kind == pool_kind_MANUAL && !row->max)
        row->max = 1000; /* its machines are added one by one */
    if (managed && !row->account[0])
        (void)snprintf(row->account, sizeof(row->account), "berth");
}

/* The state of a recompose is the broker's. It ends when the pool gets another image. */
static void keep_recompose(struct row_pool *row, const struct row_pool *now)
{
    bool stays = now && now->image_id == row->image_id;

    row->recompose_version_id = stays ? now->recompose_version_id : 0;
    berth_text(row->recompose_reason, sizeof(row->recompose_reason), "%s",
               stays ? now->recompose_reason : "");
}

static int check_pool_machines(struct core *core, const struct row_pool *row,
                               struct berth_error *reterr)
{
    if (!image_find(core, row->image_id))
        return berth_fail(reterr, BERTH_E_INVALID, "pool '%s': a %s pool needs an image", row->name,
                          pool_kind_names[row->kind]);
    if (row->template[0] != '/')
        return berth_fail(reterr, BERTH_E_INVALID,
                          "pool '%s': the template must be an absolute path", row->name);
    if (row->address == pool_address_FIXED)
        return berth_fail(reterr, BERTH_E_INVALID,
                          "pool '%s': fixed addresses are for manual pools", row->name);
    return 0;
}

static int check_pool_manual(const struct row_pool *row, struct berth_error *reterr)
{
    if (row->spare)
        return berth_fail(reterr, BERTH_E_INVALID, "pool '%s': a manual pool keeps no spares",
                          row->name);
    if (row->credential != pool_credential_PASSTHROUGH)
        return berth_fail(reterr, BERTH_E_INVALID,
                          "pool '%s': the machines of a manual pool take the user's own password "
                          "(credential passthrough)",
                          row->name);
    if (row->release != pool_release_KEEP)
        return berth_fail(reterr, BERTH_E_INVALID,
                          "pool '%s': a manual machine cannot be refreshed", row->name);
    return 0;
}

/* Guests with an open session have a password for the present account, which the end of the session
 * changes. */
static int check_pool_account(struct core *core, const struct row_pool *row,
                              const struct row_pool *now, struct berth_error *reterr)
{
    size_t sessions = now ? index_count(core, SESSIONS_OF_POOL, row->id) : 0;

    if (sessions == 0 ||
        (row->credential == now->credential && strcmp(row->account, now->account) == 0))
        return 0;
    return berth_fail(reterr, BERTH_E_STATE,
                      "pool '%s' has %zu open session%s, which began with the present account and "
                      "credential; sign off all of its sessions first, or make another pool",
                      row->name, sessions, sessions == 1 ? "" : "s");
}

static int check_pool(struct core *core, void *row_, const void *now_, struct berth_error *reterr)
{
    struct row_pool *row = row_;
    const struct row_pool *now = now_;
    int r;

    if (!row->kind)
        return berth_fail(reterr, BERTH_E_INVALID,
                          "pool '%s': kind is missing; give floating, dedicated or manual",
                          row->name);
    if (row->kind == pool_kind_SHARED)
        return berth_fail(reterr, BERTH_E_UNSUPPORTED,
                          "pool '%s': shared pools are not supported yet", row->name);
    if (now && now->kind != row->kind && index_first(core, DESKTOPS_OF_POOL, row->id))
        return berth_fail(reterr, BERTH_E_STATE,
                          "pool '%s': its kind cannot change while it has desktops", row->name);
    complete_pool(row);
    keep_recompose(row, now);
    if (now &&
        (now->address == pool_address_FORWARDED) != (row->address == pool_address_FORWARDED) &&
        index_first(core, DESKTOPS_OF_POOL, row->id))
        return berth_fail(reterr, BERTH_E_STATE,
                          "pool '%s': its desktops were made with address %s; that cannot change "
                          "to %s while it has desktops",
                          row->name, pool_address_names[now->address],
                          pool_address_names[row->address]);
    r = check_pool_account(core, row, now, reterr);
    if (r < 0)
        return r;
    if (row->spare > row->max)
        return berth_fail(reterr, BERTH_E_INVALID,
                          "pool '%s': more spares (%lld) than desktops (%lld)", row->name,
                          (long long)row->spare, (long long)row->max);
    r = admin_normalize_hosts(core, row, now, reterr);
    if (r < 0)
        return r;
    r = row->kind == pool_kind_MANUAL ? check_pool_manual(row, reterr)
                                      : check_pool_machines(core, row, reterr);
    return r < 0 ? r : check_name("pool", row->name, "", reterr);
}

static int unused_pool(struct core *core, const void *row_, struct berth_error *reterr)
{
    const struct row_pool *row = row_;

    if (index_first(core, DESKTOPS_OF_POOL, row->id))
        return in_use("pool", row->name, "it has desktops (set max=0 and wait, or delete them)",
                      reterr);
    if (index_first(core, SESSIONS_OF_POOL, row->id))
        return in_use("pool", row->name, "it has sessions", reterr);
    return admin_check_pool_unwanted(core, row, reterr);
}

/* Entitlements to a pool go with it. */
static void pool_gone(struct core *core, const void *row_, struct changes *changes)
{
    const struct row_pool *row = row_;

    list_each (index_list(core, ENTITLEMENTS_OF_POOL, row->id), node) {
        changes_drop(changes, ENTITY_entitlement,
                     entity_row_of(index_entry(ENTITLEMENTS_OF_POOL, node)));
    }
}

/* ---- desktop: added and changed by administrators in manual pools only ---- */

/* Two desktops on one machine would put two users on it. Rows of older versions stay as they are
 * until they are changed. */
static int check_place_of(struct core *core, struct row_desktop *row, const struct row_desktop *now,
                          struct berth_error *reterr)
{
    const struct desktop *other;
    char whose[80];
    char address[ADDRESS_TEXT];
    int r;

    if (now && strcmp(now->address, row->address) == 0 && now->port == row->port)
        return 0;
    (void)snprintf(whose, sizeof(whose), "desktop '%s'", row->name);
    r = address_normalize(whose, row->address, address, reterr);
    if (r < 0)
        return r;
    other = address_taken(core, row->id, address, row->port);
    if (other)
        return berth_fail(reterr, BERTH_E_EXISTS, "%s: desktop '%s' is at %s port %lld already",
                          whose, other->row.name, address, (long long)row->port);
    (void)snprintf(row->address, sizeof(row->address), "%s", address);
    return 0;
}

static int check_desktop(struct core *core, void *row_, const void *now_,
                         struct berth_error *reterr)
{
    struct row_desktop *row = row_;
    const struct row_desktop *now = now_;
    struct pool *pool = pool_find(core, row->pool_id);
    struct row_desktop given = *row;
    int r;

    if (!pool)
        return check_refers(core, ENTITY_pool, row->pool_id, "desktop", reterr);
    if (pool->row.kind != pool_kind_MANUAL)
        return berth_fail(reterr, BERTH_E_STATE,
                          "desktop '%s': pool '%s' makes its desktops by itself", row->name,
                          pool->row.name);
    if (now)
        *row = *now;
    else
        *row = (struct row_desktop){ .id = given.id, .pool_id = given.pool_id };
    row->version = given.version;
    (void)snprintf(row->name, sizeof(row->name), "%s", given.name);
    (void)snprintf(row->address, sizeof(row->address), "%s", given.address);
    (void)snprintf(row->fingerprint, sizeof(row->fingerprint), "%s", given.fingerprint);
    row->port = given.port ? given.port : pool->row.port;
    if (!row->address[0])
        return berth_fail(reterr, BERTH_E_INVALID, "desktop '%s': an address is needed", row->name);
    r = check_place_of(core, row, now, reterr);
    return r < 0 ? r : check_name("desktop", row->name, "", reterr);
}

static int unused_desktop(struct core *core, const void *row_, struct berth_error *reterr)
{
    const struct row_desktop *row = row_;
    struct pool *pool = pool_find(core, row->pool_id);

    if (pool && pool->row.kind != pool_kind_MANUAL)
        return berth_fail(reterr, BERTH_E_STATE,
                          "desktop '%s' has a machine: use the verb that deletes both", row->name);
    if (index_first(core, ASSIGNMENTS_OF_DESKTOP, row->id))
        return in_use("desktop", row->name, "it belongs to a user", reterr);
    return 0;
}

static void desktop_new(struct core *core, const void *row_, struct changes *changes)
{
    const struct row_desktop *row = row_;
    struct row_slot slot = { .id = core_next_id(core), .desktop_id = row->id };

    (void)changes_add(changes, ENTITY_slot, &slot);
}

static void desktop_gone(struct core *core, const void *row_, struct changes *changes)
{
    const struct row_desktop *row = row_;

    list_each (index_list(core, SLOTS_OF_DESKTOP, row->id), node) {
        changes_drop(changes, ENTITY_slot, entity_row_of(index_entry(SLOTS_OF_DESKTOP, node)));
    }
}

/* ---- terminal: joins by itself; administrators name and place it ---- */

static int check_terminal(struct core *core, void *row_, const void *now_,
                          struct berth_error *reterr)
{
    struct row_terminal *row = row_;
    const struct row_terminal *now = now_;
    struct row_terminal given = *row;
    struct user *kiosk = given.kiosk_user_id ? user_find(core, given.kiosk_user_id) : NULL;

    *row = *now;
    row->version = given.version;
    (void)snprintf(row->name, sizeof(row->name), "%s", given.name);
    (void)snprintf(row->tags, sizeof(row->tags), "%s", given.tags);
    admin_normalize_tags(row->tags);
    row->place_id = given.place_id;
    row->kiosk_user_id = given.kiosk_user_id;
    if (row->place_id && !place_find(core, row->place_id))
        return check_refers(core, ENTITY_place, row->place_id, "terminal", reterr);
    if (given.kiosk_user_id && (!kiosk || kiosk->row.kind != user_kind_KIOSK))
        return berth_fail(reterr, BERTH_E_INVALID,
                          "terminal '%s': signs on by itself as a kiosk user only", row->name);
    return check_name("terminal", row->name, "", reterr);
}

static int unused_terminal(struct core *core, const void *row_, struct berth_error *reterr)
{
    const struct row_terminal *row = row_;

    if (row->state != terminal_REVOKED && row->state != terminal_WAITING)
        return in_use("terminal", row->name, "revoke it first", reterr);
    if (first_that_refers(core, ENTITY_connection, offsetof(struct row_connection, terminal_id),
                          row->id) ||
        first_that_refers(core, ENTITY_session, offsetof(struct row_session, terminal_id), row->id))
        return in_use("terminal", row->name, "a session was shown there last; sign it off first",
                      reterr);
    return 0;
}

static void terminal_gone(struct core *core, const void *row_, struct changes *changes)
{
    const struct row_terminal *row = row_;

    list_each (index_list(core, IDENTITIES_OF_TERMINAL, row->id), node) {
        changes_drop(changes, ENTITY_identity,
                     entity_row_of(index_entry(IDENTITIES_OF_TERMINAL, node)));
    }
    admin_drop_rules_of(core, ENTITY_terminal, row->id, changes);
}

/* ---- users, badges, groups ---- */

static int check_user(berth_unused struct core *core, void *row_, const void *now_,
                      struct berth_error *reterr)
{
    struct row_user *row = row_;
    const struct row_user *now = now_;

    if (!row->kind)
        row->kind = user_kind_PERSON;
    (void)snprintf(row->password_hash, sizeof(row->password_hash), "%s",
                   now ? now->password_hash : "");
    return check_name("user", row->name, "\\", reterr);
}

static int unused_user(struct core *core, const void *row_, struct berth_error *reterr)
{
    const struct row_user *row = row_;

    if (index_first(core, ASSIGNMENTS_OF_USER, row->id) ||
        index_first(core, SESSIONS_OF_USER, row->id))
        return in_use("user", row->name,
                      "a desktop belongs to them; disable them, or sign them off first", reterr);
    if (first_that_refers(core, ENTITY_terminal, offsetof(struct row_terminal, kiosk_user_id),
                          row->id))
        return in_use("user", row->name, "a terminal signs on as them", reterr);
    return 0;
}

static void user_gone(struct core *core, const void *row_, struct changes *changes)
{
    const struct row_user *row = row_;

    list_each (index_list(core, MEMBERSHIPS_OF_USER, row->id), node) {
        changes_drop(changes, ENTITY_membership,
                     entity_row_of(index_entry(MEMBERSHIPS_OF_USER, node)));
    }
    list_each (index_list(core, BADGES_OF_USER, row->id), badge) {
        changes_drop(changes, ENTITY_badge, entity_row_of(index_entry(BADGES_OF_USER, badge)));
    }
    admin_drop_rules_of(core, ENTITY_user, row->id, changes);
}

static int check_badge(berth_unused struct core *core, void *row_, const void *now_,
                       berth_unused struct berth_error *reterr)
{
    struct row_badge *row = row_;
    struct row_badge given = *row;

    *row = *(const struct row_badge *)now_;
    row->version = given.version;
    row->disabled = given.disabled;
    (void)snprintf(row->label, sizeof(row->label), "%s", given.label);
    return 0;
}

static int check_group(berth_unused struct core *core, void *row_, berth_unused const void *now,
                       struct berth_error *reterr)
{
    return check_name("group", ((struct row_group *)row_)->name, "", reterr);
}

static int unused_group(struct core *core, const void *row_, struct berth_error *reterr)
{
    const struct row_group *row = row_;

    if (first_that_refers(core, ENTITY_membership, offsetof(struct row_membership, group_id),
                          row->id))
        return in_use("group", row->name, "it has members", reterr);
    return admin_check_unreferenced(core, ENTITY_group, row->id, row->name, reterr);
}

static int check_membership(struct core *core, void *row_, berth_unused const void *now,
                            struct berth_error *reterr)
{
    struct row_membership *row = row_;

    if (!group_find(core, row->group_id))
        return check_refers(core, ENTITY_group, row->group_id, "membership", reterr);
    if (!user_find(core, row->user_id))
        return check_refers(core, ENTITY_user, row->user_id, "membership", reterr);
    list_each (index_list(core, MEMBERSHIPS_OF_USER, row->user_id), node) {
        const struct row_membership *other = entity_row_of(index_entry(MEMBERSHIPS_OF_USER, node));

        if (other->group_id == row->group_id && other->id != row->id)
            return berth_fail(reterr, BERTH_E_EXISTS, "the user is in the group already");
    }
    return 0;
}

/* ---- admin ---- */

static int check_admin(berth_unused struct core *core, void *row_, const void *now_,
                       struct berth_error *reterr)
{
    struct row_admin *row = row_;
    const struct row_admin *now = now_;

    if (!row->role)
        return berth_fail(reterr, BERTH_E_INVALID, "admin '%s': the role is missing", row->name);
    (void)snprintf(row->password_hash, sizeof(row->password_hash), "%s",
                   now ? now->password_hash : "");
    return check_name("admin", row->name, "", reterr);
}

static void admin_gone(struct core *core, const void *row_, struct changes *changes)
{
    const struct row_admin *row = row_;

    list_each (core_all(core, ENTITY_token), node) {
        const struct row_token *token = entity_row_of(entity_of(node));

        if (token->admin_id == row->id)
            changes_drop(changes, ENTITY_token, token);
    }
}

/* clang-format off */
static const struct admin_rule rules[ENTITY_KINDS] = {
    /*                         check               unused          with_new     with_gone      with_set             add    set    drop */
    [ENTITY_site]          = { check_site,         unused_site,    NULL,        NULL,          NULL,                true,  true,  true },
    [ENTITY_place]         = { check_place,        unused_place,   NULL,        NULL,          admin_place_renamed, true,  true,  true },
    [ENTITY_host]          = { check_host,         unused_host,    NULL,        NULL,          NULL,                true,  true,  true },
    [ENTITY_image]         = { check_image,        unused_image,   NULL,        NULL,          NULL,                true,  true,  true },
    [ENTITY_image_version] = { check_image_version, unused_image_version, NULL, image_version_gone, NULL,                true,  false, true },
    [ENTITY_pool]          = { check_pool,         unused_pool,    NULL,        pool_gone,     admin_pool_renamed,  true,  true,  true },
    [ENTITY_desktop]       = { check_desktop,      unused_desktop, desktop_new, desktop_gone,  NULL,                true,  true,  true },
    [ENTITY_terminal]      = { check_terminal,     unused_terminal, NULL,       terminal_gone, NULL,                false, true,  true },
    [ENTITY_invitation]    = { NULL,               NULL,           NULL,        NULL,          NULL,                false, false, true },
    [ENTITY_profile]       = { admin_check_profile, NULL,          NULL,        NULL,          NULL,                true,  true,  true },
    [ENTITY_user]          = { check_user,         unused_user,    NULL,        user_gone,     NULL,                true,  true,  true },
    [ENTITY_badge]         = { check_badge,        NULL,           NULL,        NULL,          NULL,                false, true,  true },
    [ENTITY_group]         = { check_group,        unused_group,   NULL,        NULL,          NULL,                true,  true,  true },
    [ENTITY_membership]    = { check_membership,   NULL,           NULL,        NULL,          NULL,                true,  false, true },
    [ENTITY_entitlement]   = { admin_check_entitlement, NULL,      NULL,        NULL,          NULL,                true,  true,  true },
    [ENTITY_admin]         = { check_admin,        NULL,           NULL,        admin_gone,    NULL,                true,  true,  true },
    [ENTITY_token]         = { NULL,               NULL,           NULL,        NULL,          NULL,                false, false, true },
};
/* clang-format on */

const struct admin_rule *admin_rule(enum entity_kind kind)
{
    const struct admin_rule *rule = &rules[kind];

    return rule->may_add || rule->may_set || rule->may_drop ? rule : NULL;
}
