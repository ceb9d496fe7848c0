/* Any bytes as a configuration file: a struct within its bounds, or a sentence. */
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "berth/conf.h"

struct options {
    bool quiet;
    int64_t threads;
    int64_t wait_s;
    char name[CONF_TEXT_MAX];
};

static const struct conf_option table[] = {
    { "link", "threads", CONF_INT, offsetof(struct options, threads), "2", 0, 64, "", false,
      "I/O threads" },
    { "link", "wait_s", CONF_INT, offsetof(struct options, wait_s), "10", 1, 600, "s", true,
      "patience" },
    { "log", "quiet", CONF_BOOL, offsetof(struct options, quiet), "no", 0, 0, "", true,
      "say less" },
    { "log", "name", CONF_TEXT, offsetof(struct options, name), "berth", 0, 0, "", false,
      "who speaks" },
};

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct options options;
    struct berth_error error = { 0 };
    char path[64];
    int file = memfd_create("config", MFD_CLOEXEC);
    int r;

    if (file < 0 || write(file, data, size) != (ssize_t)size)
        abort();
    (void)snprintf(path, sizeof(path), "/proc/self/fd/%d", file);
    r = conf_read(table, BERTH_COUNT(table), path, false, &options, &error);
    (void)close(file);
    if (r == 0 && (options.threads < 0 || options.threads > 64 || options.wait_s < 1 ||
                   options.wait_s > 600 || !memchr(options.name, '\0', sizeof(options.name))))
        abort();
    if (r < 0 && (error.code != BERTH_E_CONFIG || !strstr(error.text, "line ")))
        abort();
    return 0;
}
