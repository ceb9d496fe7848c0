/* hidden.c - see hidden.h. */
#include "berth/hidden.h"

#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#define LINE 4096
#define WORD 1024

/* What systemd mounts there: of PrivateTmp=yes a folder of the service's own, of ProtectHome=yes
 * one that cannot be opened, of ProtectHome=tmpfs an empty one. */
static bool hides(const char *root, const char *point, const char *rest)
{
    if (strstr(root, "systemd-private-") || strstr(root, "systemd/inaccessible/"))
        return true;
    return strstr(rest, " - tmpfs ") &&
           (strcmp(point, "/home") == 0 || strcmp(point, "/root") == 0);
}

static bool lies_in(const char *path, const char *folder)
{
    size_t length = strlen(folder);

    return strncmp(path, folder, length) == 0 && (path[length] == '/' || !path[length]);
}

const char *hidden_text(const char *mounts, const char *path, const char *instead,
                        char ret[HIDDEN_TEXT])
{
    FILE *file = fopen(mounts ? mounts : "/proc/self/mountinfo", "re");
    char line[LINE], root[WORD], point[WORD];

    ret[0] = '\0';
    while (file && !ret[0] && fgets(line, sizeof(line), file)) {
        /* proc(5): id, parent, device, root, mount point, options ... - type source */
        if (sscanf(line, "%*s %*s %*s %1023s %1023s", root, point) == 2 && lies_in(path, point) &&
            hides(root, point, line))
            (void)snprintf(ret, HIDDEN_TEXT,
                           "; the service's unit hides %.40s from it: use a folder such as %s",
                           point, instead);
    }
    if (file)
        (void)fclose(file);
    return ret;
}
