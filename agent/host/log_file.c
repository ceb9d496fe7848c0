/* log_file.c - open and rotate the log file behind standard error. */
#include "host/log_file.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static int fail(const char *path, struct berth_error *reterr)
{
    return berth_fail(reterr, BERTH_E_IO, "log file %s: %s", path, strerror(errno));
}

int log_file_open(const char *path, struct berth_error *reterr)
{
    int file = open(path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC | O_NOFOLLOW, 0600);
    int r = 0;

    if (file < 0)
        return fail(path, reterr);
    if (dup2(file, STDERR_FILENO) < 0)
        r = fail(path, reterr);
    (void)close(file);
    return r;
}

void log_file_rotated_path(const char *path, char *out, size_t size)
{
    (void)snprintf(out, size, "%s.1", path);
}

int log_file_rotate(const char *path, struct berth_error *reterr)
{
    char earlier[300];
    struct stat facts;

    if (fstat(STDERR_FILENO, &facts) < 0)
        return fail(path, reterr);
    if (facts.st_size < LOG_FILE_MAX)
        return 0;
    log_file_rotated_path(path, earlier, sizeof(earlier));
    if (rename(path, earlier) < 0)
        return fail(path, reterr);
    return log_file_open(path, reterr);
}
