/* sandbox_hint.c - find out from the mounts of the process whether its unit hides a folder. */
#include "berth/sandbox_hint.h"

#include <limits.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "berth/base.h"

#define LINE 4096
#define WORD 1024
#define PRIVATE "systemd-private-"
#define UNIT "-berthd.service-"

/* Is this the main process of a unit? A process that a service starts inherits INVOCATION_ID and
 * SYSTEMD_EXEC_PID, but the latter is not its own pid. */
static bool is_unit(void)
{
    const char *pid = getenv("SYSTEMD_EXEC_PID");

    if (getenv("NOTIFY_SOCKET"))
        return true;
    return getenv("INVOCATION_ID") && pid && strtol(pid, NULL, 10) == (long)getpid();
}

/* "systemd-private-", the boot's ID, "-berthd.service-" and some letters. */
static bool is_private(const char *root)
{
    const char *boot = strstr(root, PRIVATE);

    if (!boot)
        return false;
    boot = strchr(boot + strlen(PRIVATE), '-');
    return boot && strncmp(boot, UNIT, strlen(UNIT)) == 0;
}

/* What systemd mounts there: for PrivateTmp=yes a folder of the service's own, for ProtectHome=yes
 * one that cannot be opened, for ProtectHome=tmpfs an empty one. A live system or a container may
 * have home folders in memory as well, and other units have private folders of their own: neither
 * hides anything from this service. */
static bool is_hiding_mount(const char *root, const char *point, const char *rest)
{
    if (is_private(root))
        return true;
    if (!is_unit())
        return false;
    if (strstr(root, "systemd/inaccessible/"))
        return true;
    return strstr(rest, " - tmpfs ") &&
           (strcmp(point, "/home") == 0 || strcmp(point, "/root") == 0);
}

static bool lies_in(const char *path, const char *folder)
{
    size_t length = strlen(folder);

    if (strcmp(folder, "/") == 0)
        return path[0] == '/';
    return strncmp(path, folder, length) == 0 && (path[length] == '/' || !path[length]);
}

static bool is_octal(char letter)
{
    return letter >= '0' && letter <= '7';
}

/* The kernel writes a space as "\040". */
static void unescape(char *text)
{
    char *to = text;

    while (*text) {
        if (text[0] == '\\' && is_octal(text[1]) && is_octal(text[2]) && is_octal(text[3])) {
            *to++ = (char)((text[1] - '0') << 6 | (text[2] - '0') << 3 | (text[3] - '0'));
            text += strlen("\\040");
        } else {
            *to++ = *text++;
        }
    }
    *to = '\0';
}

/* Mounts are listed in the order in which they were made, so the last one that contains `path` is
 * the one in effect: it lies within the earlier ones, or covers them. */
static bool seek(FILE *mounts, const char *path, char ret_point[WORD])
{
    char line[LINE], root[WORD], point[WORD];
    bool hidden = false;

    while (fgets(line, sizeof(line), mounts)) {
        /* proc(5): id, parent, device, root, mount point, options ... - type source */
        if (sscanf(line, "%*s %*s %*s %1023s %1023s", root, point) != 2)
            continue;
        unescape(point);
        if (!lies_in(path, point))
            continue;
        hidden = is_hiding_mount(root, point, line);
        berth_copy_text(ret_point, WORD, point);
    }
    return hidden;
}

/* `path` with links and ".." resolved; the part that does not exist is appended unchanged. */
static void resolve(const char *path, char ret[PATH_MAX])
{
    char part[PATH_MAX];
    char *end;
    size_t length;

    copy_text(part, path);
    end = part + strlen(part);
    while (!realpath(part, ret)) {
        end = strrchr(part, '/');
        if (!end || end == part) {
            berth_copy_text(ret, PATH_MAX, path);
            return;
        }
        *end = '\0';
    }
    length = strcmp(ret, "/") == 0 ? 0 : strlen(ret);
    if (path[end - part])
        berth_copy_text(ret + length, PATH_MAX - length, path + (end - part));
}

const char *sandbox_hint(const char *mounts, const char *path, const char *instead,
                         char ret[SANDBOX_HINT_SIZE])
{
    FILE *file = fopen(mounts ? mounts : "/proc/self/mountinfo", "re");
    char point[WORD], folder[PATH_MAX];

    ret[0] = '\0';
    if (!file)
        return ret;
    resolve(path, folder);
    if (seek(file, folder, point))
        (void)snprintf(ret, SANDBOX_HINT_SIZE,
                       "; the service's unit hides %.40s from it: use a folder such as %s", point,
                       instead);
    (void)fclose(file);
    return ret;
}
