/* main.c - berthctl. */
#include <locale.h>
#include <signal.h>
#include <stdlib.h>

#include "berth/secret.h"

#include "ctl.h"

int main(int argc, char *argv[])
{
    secret_harden_process();
    (void)signal(SIGPIPE, SIG_IGN);
    /* Names are UTF-8; without such a locale their width is unknown. */
    if (!setlocale(LC_CTYPE, "") || MB_CUR_MAX == 1)
        (void)setlocale(LC_CTYPE, "C.UTF-8");
    return ctl_main(argc, argv);
}
