/* admin_rules_host.c - rules of hosts and of versions of images. */
#include <stdio.h>
#include <string.h>

#include "core/address.h"
#include "core/index.h"
#include "flow/admin_check.h"
#include "flow/admin_rules.h"

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
        copy_text(row->address, address);
    return r;
}

#define HOST_PORT_MIN 1024 /* QEMU runs as an account that may not open lower ports */

/* Another host at the same address with an overlapping range of ports, or NULL. */
static const struct host *ports_taken(struct core *core, const struct row_host *row)
{
    const char *address = row->address[0] ? row->address : "127.0.0.1";

    list_each (core_all(core, ENTITY_host), node) {
        const struct host *host = entity_at(node, host);

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
    return r < 0 ? r : check_host_ports(core, row, now, reterr);
}

const struct admin_rule admin_rule_host = {
    .check = check_host,
};

/* ---- image version ---- */

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
static int check_image_version(struct core *core, void *row_, berth_unused const void *now,
                               struct berth_error *reterr)
{
    struct row_image_version *row = row_;
    int r;

    if (!image_find(core, row->image_id))
        return admin_check_refers(core, ENTITY_image, row->image_id, "image version", reterr);
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

const struct admin_rule admin_rule_image_version = {
    .check = check_image_version,
    .with_gone = image_version_gone,
};
