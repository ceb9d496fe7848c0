/* secret.c - read passwords and confirmations from the terminal. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <termios.h>
#include <unistd.h>

#include "ctl.h"

/* Read one line without its end, byte by byte, so that nothing after it is consumed from standard
 * input. */
static int read_line(int descriptor, char *out, size_t size)
{
    size_t length = 0;

    for (;;) {
        char c;
        ssize_t got = read(descriptor, &c, 1);

        if (got < 0 && errno == EINTR)
            continue;
        if (got <= 0 || c == '\n')
            break;
        if (length + 1 >= size)
            return -1;
        out[length++] = c;
    }
    out[length] = '\0';
    return (int)length;
}

static int read_hidden(int terminal, const char *prompt, struct secret *ret)
{
    struct termios before;
    struct termios silent;
    int length;

    (void)dprintf(terminal, "%s: ", prompt);
    if (tcgetattr(terminal, &before) < 0)
        return -1;
    silent = before;
    silent.c_lflag &= ~(tcflag_t)ECHO;
    (void)tcsetattr(terminal, TCSAFLUSH, &silent);
    length = read_line(terminal, ret->text, sizeof(ret->text));
    (void)tcsetattr(terminal, TCSAFLUSH, &before);
    (void)dprintf(terminal, "\n");
    return length;
}

static int read_twice(int terminal, const char *what, bool again, struct secret *ret,
                      struct berth_error *reterr)
{
    struct secret second = { 0 };
    char prompt[64];
    bool same;

    if (read_hidden(terminal, what, ret) <= 0)
        return berth_fail(reterr, BERTH_E_INVALID, "no %s was given, or it is too long", what);
    if (!again)
        return 0;
    (void)snprintf(prompt, sizeof(prompt), "%s again", what);
    same = read_hidden(terminal, prompt, &second) > 0 && secret_equal(ret, &second);
    secret_wipe(&second);
    if (!same)
        return berth_fail(reterr, BERTH_E_INVALID, "the two inputs differ");
    return 0;
}

int ctl_read_secret(const char *what, bool again, struct secret *ret, struct berth_error *reterr)
{
    int terminal;
    int r;

    if (!isatty(STDIN_FILENO)) {
        if (read_line(STDIN_FILENO, ret->text, sizeof(ret->text)) <= 0)
            return berth_fail(reterr, BERTH_E_INVALID, "no %s on standard input, or it is too long",
                              what);
        return 0;
    }
    terminal = open("/dev/tty", O_RDWR | O_CLOEXEC | O_NOCTTY);
    if (terminal < 0)
        return berth_fail(reterr, BERTH_E_INVALID,
                          "no terminal to ask for the %s; give it on standard input", what);
    r = read_twice(terminal, what, again, ret, reterr);
    (void)close(terminal);
    return r;
}

bool ctl_confirm(const char *question)
{
    char answer[8] = "";

    if (!isatty(STDIN_FILENO) || !isatty(STDERR_FILENO))
        return true;
    (void)fprintf(stderr, "%s [y/N] ", question);
    return read_line(STDIN_FILENO, answer, sizeof(answer)) > 0 &&
           (answer[0] == 'y' || answer[0] == 'Y');
}
