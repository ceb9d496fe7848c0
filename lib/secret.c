/* secret.c - short-lived secrets in memory. */
#include "berth/secret.h"

#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <unistd.h>

#include "berth/random.h"

void secret_wipe(struct secret *secret)
{
    explicit_bzero(secret, sizeof(*secret));
}

bool secret_set(struct secret *secret, const char *text, size_t length)
{
    secret_wipe(secret);
    if (length >= sizeof(secret->text) || memchr(text, '\0', length))
        return false;
    memcpy(secret->text, text, length);
    return true;
}

void secret_random(struct berth_random *random, struct secret *ret)
{
    static const char letters[32] = "abcdefghijkmnpqrstuvwxyz23456789";

    secret_wipe(ret);
    for (int i = 0; i < 24; i++)
        ret->text[i] = letters[random_below(random, sizeof(letters))];
}

bool secret_equal(const struct secret *a, const struct secret *b)
{
    unsigned char different = 0;

    /* Compare the whole buffer: bytes after the NUL are always zero. */
    for (size_t i = 0; i < sizeof(a->text); i++)
        different |= (unsigned char)(a->text[i] ^ b->text[i]);
    return different == 0;
}

void secret_harden_process(void)
{
    static const char sentence[] = "berth: cannot disable core files; not starting\n";
    const struct rlimit none = { 0, 0 };

    if (prctl(PR_SET_DUMPABLE, 0, 0, 0, 0) < 0 || setrlimit(RLIMIT_CORE, &none) < 0) {
        (void)!write(STDERR_FILENO, sentence, sizeof(sentence) - 1);
        _exit(71);
    }
}
