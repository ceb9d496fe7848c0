/* profile.c - check, store and apply a profile. */
#include "flow/profile.h"

#include <string.h>

#include "berth/json.h"
#include "berth/log.h"

#include "flow/recording.h"
#include "flow/sign_on_request.h"

#define DOCUMENT "profile"
#define DOCUMENT_DEPTH 5

/* Unknown settings are skipped, because the broker may be newer than this agent. Any other error
 * refuses the whole profile. Returns how many settings were applied.
 */
static int decode_settings(const struct msg_profile *profile, struct settings *ret,
                           struct berth_error *reterr)
{
    int applied = 0;

    settings_default(ret);
    for (size_t i = 0; i < profile->settings_count; i++) {
        const struct msg_setting *setting = &profile->settings[i];
        int r;

        if (!setting_row(setting->key)) {
            log_event(EV_AGENT_PROFILE, "skipped", setting->key);
            continue;
        }
        r = settings_set(ret, setting->key, setting->value, reterr);
        if (r < 0)
            return r;
        applied++;
    }
    return applied;
}

void profile_load(struct agent_flow *agent)
{
    char *text = device_load(agent->device, DOCUMENT);
    berth_cleanup(json_unrefp) json_t *json = NULL;
    struct msg_profile profile;
    struct berth_error error = { 0 };
    int r;

    settings_default(&agent->settings);
    if (!text)
        return;
    json = json_parse(text, strlen(text), DOCUMENT_DEPTH, &error);
    free(text);
    r = json ? record_decode(msg_row(MSG_profile)->record, json, &profile, &error)
             : BERTH_E_PROTOCOL;
    if (r == 0)
        r = decode_settings(&profile, &agent->settings, &error);
    if (r < 0) {
        settings_default(&agent->settings);
        log_failure(EV_AGENT_REFUSED, &error, "the stored profile");
        return;
    }
    agent->profile_version = profile.version;
    recording_profile(agent, profile.version, profile.settings_count, r);
}

static int save_profile(struct agent_flow *agent, const struct msg_profile *profile,
                        struct berth_error *reterr)
{
    berth_cleanup(json_unrefp) json_t *json =
        record_encode(msg_row(MSG_profile)->record, profile, SEE_MASK_ALL);
    char *text = json_text(json);
    int r = device_save(agent->device, DOCUMENT, text, reterr);

    free(text);
    return r;
}

static int apply(struct agent_flow *agent, const struct msg_profile *profile,
                 struct berth_error *reterr)
{
    struct settings settings;
    int applied;
    int r;

    if (profile->version < agent->profile_version)
        return berth_fail(reterr, BERTH_E_SUPERSEDED, "profile version %lld is older than %lld",
                          (long long)profile->version, (long long)agent->profile_version);
    applied = decode_settings(profile, &settings, reterr);
    if (applied < 0)
        return applied;
    r = save_profile(agent, profile, reterr);
    if (r < 0)
        return r;
    agent->settings = settings;
    agent->profile_version = profile->version;
    log_event(EV_AGENT_PROFILE, "version", profile->version, "settings", profile->settings_count);
    recording_profile(agent, profile->version, profile->settings_count, applied);
    return 0;
}

void profile_received(struct agent_flow *agent, const struct msg *msg)
{
    struct berth_error error = { 0 };
    struct msg answer;

    if (apply(agent, &msg->profile, &error) < 0) {
        log_failure(EV_AGENT_REFUSED, &error, "profile");
        return;
    }
    agent_flow_show_page(agent);
    agent_flow_init_message(agent, &answer, MSG_profile_applied);
    answer.profile_applied.version = msg->profile.version;
    (void)agent_flow_send(agent, &answer);
    sign_on_request_check_kiosk(agent);
}
