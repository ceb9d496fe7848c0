/* caller.c - identify the caller: by the kernel at the Unix socket, by a sign-in, or by a token for
 * programs.
 *
 * If a token is sent, it alone decides, at the Unix socket as well, so that a program with an
 * operator's token has only that role. Only hashes of tokens are stored; sign-ins are in memory and
 * end with the broker.
 */
#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "berth/log.h"
#include "berth/tls.h"

#include "api_internal.h"

#define SIGN_IN_IDLE_MS 3600000 /* without a request */
#define SIGN_IN_PREFIX "berths_"

struct sign_in {
    struct list node;
    char hash[72];
    uint64_t admin_id;
    enum role role; /* at the time of the sign-in, like the following members */
    char password_hash[sizeof(((struct row_admin *)0)->password_hash)];
    int64_t until_ms;
    int64_t used_ms;
};

/* ---- sign-ins ---- */

static void sign_in_end(struct api *api, struct sign_in *sign_in)
{
    list_remove(&sign_in->node);
    (void)map_take_text(&api->sign_ins_by_hash, sign_in->hash);
    api->sign_ins_count--;
    explicit_bzero(sign_in, sizeof(*sign_in));
    free(sign_in);
}

/* A new password ends sign-ins with the old one, which may have been stolen. So do a change of the
 * role and disabling: caller_sweep runs at each change, so that they do not become valid again when
 * the change is reverted. */
static bool has_expired(const struct api *api, const struct sign_in *sign_in)
{
    int64_t now_ms = api->loop->timers.mono_ms;
    const struct admin *admin = admin_find(api->context->core, sign_in->admin_id);

    return !admin || now_ms >= sign_in->until_ms || now_ms - sign_in->used_ms >= SIGN_IN_IDLE_MS ||
           admin->row.disabled || admin->row.role != sign_in->role ||
           strcmp(admin->row.password_hash, sign_in->password_hash) != 0;
}

static struct sign_in *sign_in_find(struct api *api, const char *hash)
{
    struct sign_in *sign_in = map_get_text(&api->sign_ins_by_hash, hash);

    return sign_in && !has_expired(api, sign_in) ? sign_in : NULL;
}

void caller_sweep(struct api *api)
{
    list_each (&api->sign_ins, node) {
        struct sign_in *sign_in = list_entry(node, struct sign_in, node);

        if (has_expired(api, sign_in))
            sign_in_end(api, sign_in);
    }
}

/* A client that signs in repeatedly without signing out loses the sign-in unused for longest. */
static void enforce_share(struct api *api, uint64_t admin_id)
{
    struct sign_in *least_used = NULL;
    size_t count = 0;

    list_each (&api->sign_ins, node) {
        struct sign_in *sign_in = list_entry(node, struct sign_in, node);

        if (sign_in->admin_id != admin_id)
            continue;
        count++;
        if (!least_used || sign_in->used_ms < least_used->used_ms)
            least_used = sign_in;
    }
    if (count < SIGN_INS_OF_ONE)
        return;
    sign_in_end(api, least_used);
    api->rights_lost = true;
}

int caller_sign_in(struct api *api, const struct admin *admin, struct secret *ret_token,
                   struct berth_error *reterr)
{
    struct sign_in *sign_in;
    char digits[65];

    caller_sweep(api);
    enforce_share(api, admin->row.id);
    if (api->sign_ins_count >= SIGN_INS_MAX)
        return berth_fail(reterr, BERTH_E_TOO_MANY, "too many sign-ins: %d are active",
                          SIGN_INS_MAX);
    random_hex(api->context->random, digits, 32);
    (void)snprintf(ret_token->text, sizeof(ret_token->text), SIGN_IN_PREFIX "%s", digits);
    explicit_bzero(digits, sizeof(digits));

    sign_in = berth_new(struct sign_in);
    tls_sha256_hex(ret_token->text, strlen(ret_token->text), sign_in->hash);
    sign_in->admin_id = admin->row.id;
    sign_in->role = admin->row.role;
    memcpy(sign_in->password_hash, admin->row.password_hash, sizeof(sign_in->password_hash));
    sign_in->used_ms = api->loop->timers.mono_ms;
    sign_in->until_ms = sign_in->used_ms + api->sign_in_ms;
    list_append(&api->sign_ins, &sign_in->node);
    map_put_text(&api->sign_ins_by_hash, sign_in->hash, sign_in);
    api->sign_ins_count++;
    return 0;
}

void caller_sign_out(struct api *api, const char *token)
{
    char hash[72];
    struct sign_in *sign_in;

    tls_sha256_hex(token, strlen(token), hash);
    sign_in = map_get_text(&api->sign_ins_by_hash, hash);
    if (!sign_in)
        return;
    sign_in_end(api, sign_in);
    api->rights_lost = true;
}

void caller_free_all(struct api *api)
{
    list_each (&api->sign_ins, node)
        sign_in_end(api, list_entry(node, struct sign_in, node));
    map_clear(&api->sign_ins_by_hash);
}

/* ---- identifying the caller ---- */

const char *caller_token(struct request *request)
{
    const char *value = MHD_lookup_connection_value(request->connection, MHD_HEADER_KIND,
                                                    MHD_HTTP_HEADER_AUTHORIZATION);

    if (!value || strncasecmp(value, "Bearer ", 7) != 0)
        return NULL;
    return value + 7;
}

unsigned caller_see(enum role role)
{
    switch (role) {
    case role_ADMINISTRATOR:
    case role_AUDITOR: /* may read everything */
        return SEE_MASK_ADMIN;
    case role_OPERATOR:
        return SEE_MASK_OPERATOR;
    case role_HELPDESK:
    case role_NONE:
    case role_END:
        break;
    }
    return SEE_MASK_ALL;
}

/* Look up the token with this hash, and check that it is valid now. */
static int look_up(struct api *api, const char *hash, uint64_t *ret_admin_id,
                   const char **ret_auth_method, struct berth_error *reterr)
{
    const struct sign_in *sign_in = sign_in_find(api, hash);
    const struct token *token;

    if (sign_in) {
        *ret_admin_id = sign_in->admin_id;
        *ret_auth_method = "password";
        return 0;
    }
    token = token_by_hash(api->context->core, hash);
    if (!token)
        return berth_fail(reterr, BERTH_E_CREDENTIALS, "invalid or expired token");
    if (token->row.expires_ms && token->row.expires_ms <= api->loop->timers.wall_ms)
        return berth_fail(reterr, BERTH_E_CREDENTIALS, "token '%s' has expired", token->row.label);
    *ret_admin_id = token->row.admin_id;
    *ret_auth_method = "token";
    return 0;
}

/* The administrator of the token with this hash. */
static int become_admin(struct api *api, const char *hash, struct caller *caller,
                        struct berth_error *reterr)
{
    const struct admin *admin;
    int r = look_up(api, hash, &caller->admin_id, &caller->auth_method, reterr);

    if (r < 0)
        return r;
    admin = admin_find(api->context->core, caller->admin_id);
    if (!admin)
        return berth_fail(reterr, BERTH_E_CREDENTIALS,
                          "the administrator of the token was deleted");
    if (admin->row.disabled)
        return berth_fail(reterr, BERTH_E_DISABLED, "administrator '%s' is disabled",
                          admin->row.name);
    put(caller->actor.name, admin->row.name);
    put(caller->shown, hash);
    caller->actor.role = admin->row.role;
    caller->see = caller_see(admin->row.role);
    return 0;
}

static int by_token(struct request *request, const char *token, struct berth_error *reterr)
{
    struct api *api = request->api;
    struct sign_in *sign_in;
    char hash[72];

    tls_sha256_hex(token, strlen(token), hash);
    sign_in = sign_in_find(api, hash);
    if (sign_in)
        sign_in->used_ms = api->loop->timers.mono_ms;
    return become_admin(api, hash, &request->caller, reterr);
}

bool caller_holds(struct api *api, const struct caller *caller)
{
    struct caller now = { 0 };

    if (!caller->shown[0])
        return true; /* identified by the kernel, or a verb that needs no identity */
    return become_admin(api, caller->shown, &now, NULL) == 0 && now.admin_id == caller->admin_id &&
           now.actor.role == caller->actor.role;
}

bool caller_is_known(const struct api *api, const struct http_client *client)
{
    if (client->local)
        return client->member;
    for (size_t i = 0; i < KNOWN_ADDRESSES; i++)
        if (strcmp(api->known[i], client->address) == 0)
            return true;
    return false;
}

int caller_identify(struct request *request, struct berth_error *reterr)
{
    struct caller *caller = &request->caller;
    const char *token = caller_token(request);

    (void)snprintf(caller->actor.name, sizeof(caller->actor.name), "nobody");
    if (request->verb->roles & ROLE_BIT(0))
        return 0; /* needs no identity: ignore the token */
    if (token)
        return by_token(request, token, reterr);
    if (MHD_lookup_connection_value(request->connection, MHD_HEADER_KIND,
                                    MHD_HTTP_HEADER_AUTHORIZATION))
        return berth_fail(reterr, BERTH_E_CREDENTIALS, "only 'Authorization: Bearer' is supported");
    if (!request->client->local)
        return berth_fail(reterr, BERTH_E_CREDENTIALS, "sign in, or send a token");
    if (!request->client->member)
        return berth_fail(reterr, BERTH_E_DENIED,
                          "uid %ld may not use the socket without a token; root, the broker's user "
                          "and the group of api.group may",
                          (long)request->client->uid);

    if (request->client->uid == 0)
        (void)snprintf(caller->actor.name, sizeof(caller->actor.name), "root");
    else
        (void)snprintf(caller->actor.name, sizeof(caller->actor.name), "uid %ld",
                       (long)request->client->uid);
    caller->actor.role = role_ADMINISTRATOR;
    caller->see = SEE_MASK_ADMIN;
    caller->auth_method = "socket";
    return 0;
}

int caller_may(const struct request *request, struct berth_error *reterr)
{
    const struct caller *caller = &request->caller;
    const char *words = request->verb->words;

    if (request->verb->roles & ROLE_BIT(caller->actor.role))
        return 0;
    return berth_fail(reterr, BERTH_E_DENIED, "'%.*s' is not for the role %s",
                      (int)strcspn(words, "{") - (strchr(words, '{') ? 1 : 0), words,
                      role_names[caller->actor.role]);
}
