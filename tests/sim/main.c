/* main.c - berth-sim: broker and agents on simulated sites, one seed after another. */
#include "sim/drive.h"

int main(int argc, char **argv)
{
    struct sim_options options;
    int r = options_read(argc, argv, &options);

    if (r)
        return r == 1 ? 0 : r;
    return drive(&options);
}
