/* do_admin.c - verbs for administrators: sign-in, sign-out, whoami, passwords and tokens. */
#include <stdio.h>
#include <string.h>

#include "api_internal.h"

#define DAY_MS 86400000LL
#define TOKEN_DAYS 365
#define SIGN_IN_IDLE_S 3600

/* ---- sign in and out ---- */

struct signing_in {
    uint64_t admin_id;
    /* valid until the operation has completed */
    char password_hash[sizeof(((struct row_admin *)0)->password_hash)];
};

static int signed_in(struct request *request, struct berth_error *reterr)
{
    struct api *api = request->api;
    const struct signing_in *signing = (const struct signing_in *)request->scratch;
    const struct admin *admin = admin_find(api->context->core, signing->admin_id);
    struct view_signed_in view = { .absolute_s = api->sign_in_ms / 1000 };
    int r;

    if (!admin || strcmp(admin->row.password_hash, signing->password_hash) != 0)
        return berth_fail(reterr, BERTH_E_CREDENTIALS,
                          "the administrator or the password was changed meanwhile");
    r = caller_sign_in(api, admin, &view.token, reterr);
    if (r < 0)
        return r;
    view.idle_s = view.absolute_s < SIGN_IN_IDLE_S ? view.absolute_s : SIGN_IN_IDLE_S;
    view.role = admin->row.role;
    put(view.name, admin->row.name);
    answer_once(request, MHD_HTTP_OK, &view_signed_in_record, &view);
    secret_wipe(&view.token);
    return 0;
}

int do_sign_in(struct request *request, struct berth_error *reterr)
{
    const struct verb_sign_in *in = request->params;
    struct signing_in *signing = (struct signing_in *)request_scratch(request, sizeof(*signing));
    const struct auth_source source = { .name = request->client->local ? "socket"
                                                                       : request->client->address,
                                        .known = caller_is_known(request->api, request->client) };
    struct entity *entity = core_find_name(request->api->context->core, ENTITY_admin, in->name);

    if (request->step)
        return signed_in(request, reterr);
    if (entity)
        memcpy(signing->password_hash, container_of(entity, struct admin, base)->row.password_hash,
               sizeof(signing->password_hash));
    put(request->caller.actor.name, in->name);
    return request_wait(request,
                        auth_admin_begin(request->api->context->auth, in->name, &in->password,
                                         &source, &signing->admin_id, &request->op),
                        reterr);
}

int do_sign_out(struct request *request, struct berth_error *reterr)
{
    const char *token = caller_token(request);

    if (!token || strcmp(request->caller.auth_method, "password") != 0)
        return berth_fail(reterr, BERTH_E_STATE, "not signed in");
    caller_sign_out(request->api, token);
    return answer_result(request, "%s is signed out", request->caller.actor.name);
}

int do_whoami(struct request *request, struct berth_error *reterr)
{
    const struct caller *caller = &request->caller;
    struct view_whoami view = { .role = caller->actor.role };

    (void)reterr;
    put(view.name, caller->actor.name);
    put(view.auth_method, caller->auth_method);
    put(view.version, BERTH_VERSION);
    return answer_view(request, &view_whoami_record, &view);
}

/* ---- administrators' passwords and tokens ---- */

int do_admin_password(struct request *request, struct berth_error *reterr)
{
    const struct verb_admin_password *in = request->params;

    if (request->step)
        return answer_result(request, "the password is set");
    return request_wait(request,
                        admin_password(request->api->context, &request->caller.actor, ENTITY_admin,
                                       in->admin, &in->password, &request->op),
                        reterr);
}

int do_user_password(struct request *request, struct berth_error *reterr)
{
    const struct verb_user_password *in = request->params;

    if (request->step)
        return answer_result(request, "the password is set");
    return request_wait(request,
                        admin_password(request->api->context, &request->caller.actor, ENTITY_user,
                                       in->user, &in->password, &request->op),
                        reterr);
}

int do_token_add(struct request *request, struct berth_error *reterr)
{
    const struct verb_token_add *in = request->params;
    struct view_token_made *view =
        (struct view_token_made *)request_scratch(request, sizeof(*view));
    struct row_token row = { .admin_id = in->admin };

    if (request->step)
        return answer_once(request, MHD_HTTP_CREATED, &view_token_made_record, view);
    row.expires_ms =
        request->api->loop->timers.wall_ms + (in->days ? in->days : TOKEN_DAYS) * DAY_MS;
    put(row.label, in->label);
    put(view->label, in->label);
    view->expires_ms = row.expires_ms;
    return request_wait(request,
                        admin_token(request->api->context, &request->caller.actor, &row, &view->id,
                                    &view->token, &request->op),
                        reterr);
}
