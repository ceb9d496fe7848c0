/* main.c - berth-sim: broker and agents on simulated sites, one seed after the other. */
#include <stdio.h>

#include "sim/drive.h"

int main(int argc, char **argv)
{
    struct sim_options options;
    int r = options_read(argc, argv, &options);

    if (r)
        return r == 1 ? 0 : r;
    if (options.plant) {
        (void)fprintf(stderr, "berth-sim: no bugs are planted in this build\n");
        return 2;
    }
    return drive(&options);
}
