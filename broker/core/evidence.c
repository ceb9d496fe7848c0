/* evidence.c - the check of a sign-on's evidence against user, badge and terminal. */
#include "core/evidence.h"

#include <string.h>

#include "core/registry.h"

int evidence_check(struct core *core, const struct evidence_shown *shown, const struct user *user,
                   const struct terminal *terminal, struct berth_error *reterr)
{
    const struct badge *badge = shown->badge_id ? badge_find(core, shown->badge_id) : NULL;

    if (shown->password_hash[0] && strcmp(shown->password_hash, user->row.password_hash) != 0)
        return berth_fail(reterr, BERTH_E_CREDENTIALS,
                          "the password of %s was changed meanwhile; sign on again",
                          user->row.name);
    if (shown->badge_id && (!badge || badge->row.disabled || badge->row.user_id != user->row.id))
        return berth_fail(reterr, BERTH_E_CREDENTIALS, "the badge of %s was taken out of use",
                          user->row.name);
    if (shown->kiosk && terminal->row.kiosk_user_id != user->row.id)
        return berth_fail(reterr, BERTH_E_DENIED, "%s is not the kiosk user of %s any more",
                          user->row.name, terminal->row.name);
    return 0;
}
