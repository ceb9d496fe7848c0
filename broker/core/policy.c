/* policy.c - matching the subjects of entitlements, and the verdict for a pool. */
#include "core/policy.h"

#include <arpa/inet.h>
#include <stdio.h>
#include <string.h>

#include "core/index.h"
#include "core/reference.h"

/* ---- subjects ---- */

bool policy_has_word(const char *words, const char *word)
{
    size_t length = strlen(word);

    if (!length)
        return false;
    for (const char *at = words; (at = strstr(at, word)) != NULL; at += length) {
        bool begins = at == words || at[-1] == ' ';
        bool ends = at[length] == '\0' || at[length] == ' ';

        if (begins && ends)
            return true;
    }
    return false;
}

bool policy_is_below(const char *path, const char *prefix)
{
    size_t length = strlen(prefix);

    if (!length || strncmp(path, prefix, length) != 0)
        return false;
    return path[length] == '\0' || path[length] == '/';
}

/* An address as 16 bytes; IPv4 as the IPv6 address that maps it, so that both families compare
 * alike. */
static bool read_address(const char *text, unsigned char bytes[16], int *ret_bits)
{
    static const unsigned char mapped[12] = { [10] = 0xff, [11] = 0xff };

    if (inet_pton(AF_INET, text, bytes + 12) == 1) {
        memcpy(bytes, mapped, sizeof(mapped));
        *ret_bits = 32;
        return true;
    }
    if (inet_pton(AF_INET6, text, bytes) == 1) {
        *ret_bits = 128;
        return true;
    }
    return false;
}

static bool read_network(const char *network, unsigned char bytes[16], int *ret_prefix)
{
    char text[64];
    const char *slash = strchr(network, '/');
    size_t length = slash ? (size_t)(slash - network) : strlen(network);
    char *end;
    long prefix;
    int bits;

    if (length == 0 || length >= sizeof(text))
        return false;
    memcpy(text, network, length);
    text[length] = '\0';
    if (!read_address(text, bytes, &bits))
        return false;
    prefix = bits;
    if (slash) {
        prefix = strtol(slash + 1, &end, 10);
        if (end == slash + 1 || *end || prefix < 0 || prefix > bits)
            return false;
    }
    *ret_prefix = (int)prefix + (128 - bits);
    return true;
}

bool policy_is_network(const char *network)
{
    unsigned char bytes[16];
    int prefix;

    return read_network(network, bytes, &prefix);
}

bool policy_in_network(const char *address, const char *network)
{
    unsigned char a[16];
    unsigned char n[16];
    int bits;
    int prefix;

    if (!read_address(address, a, &bits) || !read_network(network, n, &prefix))
        return false;
    if (memcmp(a, n, (size_t)prefix / 8) != 0)
        return false;
    if (prefix % 8 == 0)
        return true;
    return (a[prefix / 8] ^ n[prefix / 8]) >> (8 - prefix % 8) == 0;
}

static bool in_group(struct core *core, const struct user *user, uint64_t group_id)
{
    list_each (index_list(core, MEMBERSHIPS_OF_USER, user->row.id), node) {
        struct entity *entity = index_entry(MEMBERSHIPS_OF_USER, node);

        if (container_of(entity, struct membership, base)->row.group_id == group_id)
            return true;
    }
    return false;
}

bool policy_in_place(struct core *core, const struct terminal *terminal, uint64_t place_id)
{
    const struct place *place = place_find(core, terminal->row.place_id);
    const struct place *wanted = place_find(core, place_id);

    return place && wanted && policy_is_below(place->row.name, wanted->row.name);
}

static bool fits_terminal(struct core *core, const struct terminal *terminal,
                          const struct row_entitlement *row)
{
    if (!terminal)
        return false;
    switch (row->subject_kind) {
    case subject_kind_TERMINAL:
        return terminal->row.id == row->terminal_id;
    case subject_kind_TAG:
        return policy_has_word(terminal->row.tags, row->subject);
    case subject_kind_PLACE:
        return policy_in_place(core, terminal, row->place_id);
    case subject_kind_NETWORK:
        return policy_in_network(terminal->from, row->subject);
    case subject_kind_EVERYONE:
    case subject_kind_USER:
    case subject_kind_GROUP:
    case subject_kind_NONE:
    case subject_kind_END:
        return false;
    }
    return false;
}

/* Its subject is gone (core/reference.h): a deny then holds for everybody until an administrator
 * changes it, an allow for nobody. */
static bool lacks_subject(const struct row_entitlement *row)
{
    const struct subject named = entitlement_subject(row);

    return subject_is_gone(&named);
}

static bool fits(struct core *core, const struct policy_subject *subject,
                 const struct row_entitlement *row)
{
    if (lacks_subject(row))
        return row->effect == effect_DENY;
    switch (row->subject_kind) {
    case subject_kind_EVERYONE:
        return true;
    case subject_kind_USER:
        return subject->user && subject->user->row.id == row->user_id;
    case subject_kind_GROUP:
        return subject->user && in_group(core, subject->user, row->group_id);
    case subject_kind_TERMINAL:
    case subject_kind_TAG:
    case subject_kind_PLACE:
    case subject_kind_NETWORK:
        return fits_terminal(core, subject->terminal, row);
    case subject_kind_NONE:
    case subject_kind_END:
        return false;
    }
    return false;
}

/* ---- verdicts ---- */

static void because(struct core *core, struct policy_verdict *verdict, const char *what,
                    const struct row_entitlement *row)
{
    const struct subject named = entitlement_subject(row);
    const char *name = subject_name(core, &named);

    verdict->entitlement_id = row->id;
    (void)snprintf(verdict->reason, sizeof(verdict->reason),
                   "%s by entitlement %llu: %s%s%.128s%s%s", what, (unsigned long long)row->id,
                   subject_kind_names[row->subject_kind], name[0] ? " '" : "", name,
                   name[0] ? "'" : "", lacks_subject(row) ? " is gone" : "");
}

static void allow(struct core *core, struct policy_verdict *verdict,
                  const struct row_entitlement *row)
{
    if (verdict->allowed && row->priority < verdict->priority)
        return;
    if (!verdict->allowed || row->priority > verdict->priority) {
        verdict->allowed = true;
        verdict->priority = row->priority;
        verdict->flags = (struct policy_flags){ 0 };
        because(core, verdict, "allowed", row);
    }
    verdict->flags.clipboard |= row->clipboard;
    verdict->flags.drives |= row->drives;
    verdict->flags.usb |= row->usb;
    verdict->flags.sound |= row->sound;
    verdict->flags.printers |= row->printers;
}

void policy_evaluate(struct core *core, const struct policy_subject *subject,
                     const struct pool *pool, struct policy_verdict *ret)
{
    *ret = (struct policy_verdict){ .pool_id = pool->row.id };
    (void)snprintf(ret->reason, sizeof(ret->reason), "no entitlement fits");
    list_each (index_list(core, ENTITLEMENTS_OF_POOL, pool->row.id), node) {
        struct entity *entity = index_entry(ENTITLEMENTS_OF_POOL, node);
        const struct row_entitlement *row = &container_of(entity, struct entitlement, base)->row;

        if (!fits(core, subject, row))
            continue;
        if (row->effect == effect_DENY) {
            *ret = (struct policy_verdict){ .pool_id = pool->row.id };
            because(core, ret, "denied", row);
            return;
        }
        allow(core, ret, row);
    }
}

static const char *name_of(struct core *core, uint64_t pool_id)
{
    const struct pool *pool = pool_find(core, pool_id);

    return pool ? pool->row.name : "";
}

/* Should `a` stand before `b`? */
static bool before(struct core *core, const struct policy_verdict *a,
                   const struct policy_verdict *b)
{
    if (a->allowed != b->allowed)
        return a->allowed;
    if (a->priority != b->priority)
        return a->priority > b->priority;
    return strcmp(name_of(core, a->pool_id), name_of(core, b->pool_id)) < 0;
}

size_t policy_list(struct core *core, const struct policy_subject *subject,
                   struct policy_verdict *ret, size_t capacity)
{
    size_t count = 0;

    list_each (core_all(core, ENTITY_pool), node) {
        struct entity *entity = entity_of(node);
        struct policy_verdict verdict;
        size_t at;

        policy_evaluate(core, subject, container_of(entity, struct pool, base), &verdict);
        for (at = count; at > 0 && before(core, &verdict, &ret[at - 1]); at--)
            if (at < capacity)
                ret[at] = ret[at - 1];
        if (at >= capacity)
            continue;
        ret[at] = verdict;
        if (count < capacity)
            count++;
    }
    return count;
}
