/* ucred.c - the credentials of the client of a Unix socket. */
#include "api/ucred.h"

#include <grp.h>
#include <sys/socket.h>
#include <unistd.h>

#define GROUPS_MAX 256

int ucred_group(const char *name, gid_t *ret, struct berth_error *reterr)
{
    const struct group *group = getgrnam(name);

    if (!group)
        return berth_fail(reterr, BERTH_E_CONFIG, "api.group: group '%s' does not exist", name);
    *ret = group->gr_gid;
    return 0;
}

static bool in_group(int descriptor, gid_t primary, const char *name)
{
    gid_t groups[GROUPS_MAX] = { 0 };
    socklen_t size = sizeof(groups);
    gid_t wanted = (gid_t)-1;

    if (!name || !name[0] || ucred_group(name, &wanted, NULL) < 0)
        return false;
    if (primary == wanted)
        return true;
    if (getsockopt(descriptor, SOL_SOCKET, SO_PEERGROUPS, groups, &size) < 0)
        return false;
    for (size_t i = 0; i < size / sizeof(gid_t); i++)
        if (groups[i] == wanted)
            return true;
    return false;
}

bool ucred_may_manage(int descriptor, const char *group, uid_t *ret_uid)
{
    struct ucred peer;
    socklen_t size = sizeof(peer);

    *ret_uid = (uid_t)-1;
    if (getsockopt(descriptor, SOL_SOCKET, SO_PEERCRED, &peer, &size) < 0)
        return false;
    *ret_uid = peer.uid;
    return peer.uid == 0 || peer.uid == geteuid() || in_group(descriptor, peer.gid, group);
}
