/* desktops.c - berth-desktops: answers RDP on the ports of the test driver's machines.
 *
 * usage: berth-desktops FIRST-PORT COUNT
 *
 * The machines of libvirt's test driver have no guest; the broker probes each before it assigns it.
 * One process for all machines, on 127.0.0.1 (lean/rdp_responder.h); it ends when its standard input
 * ends.
 */
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "lean/rdp_responder.h"

#define PORTS_MAX 4096

int main(int argc, char **argv)
{
    long first = argc == 3 ? strtol(argv[1], NULL, 10) : 0;
    long count = argc == 3 ? strtol(argv[2], NULL, 10) : 0;
    struct rdp_responder *responder;
    struct berth_error error = { 0 };
    char scrap[256];

    if (first < 1 || count < 1 || count > PORTS_MAX || first + count > 65536) {
        (void)fprintf(stderr, "usage: berth-desktops FIRST-PORT COUNT\n");
        return 2;
    }
    (void)signal(SIGPIPE, SIG_IGN);
    if (rdp_responder_start("127.0.0.1", (int)first, (int)count, &responder, &error) < 0) {
        (void)fprintf(stderr, "berth-desktops: %s\n", error.text);
        return 1;
    }
    (void)puts("ready");
    (void)fflush(stdout);
    while (read(STDIN_FILENO, scrap, sizeof(scrap)) > 0)
        continue;
    rdp_responder_stop(responder);
    return 0;
}
