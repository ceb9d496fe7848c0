/* main.c - berth-greeter: started by berth-agent, connected to it by standard input and output. */
#include <stdio.h>

#include "berth/json.h"
#include "berth/log.h"
#include "berth/secret.h"

#include "greeter/banner.h"
#include "greeter/greeter.h"
#include "greeter/keyboard.h"
#include "greeter/sampler.h"
#include "greeter/window.h"

int main(void)
{
    static struct greeter greeter;
    struct berth_error error = { 0 };
    struct sampler sampler = { .watching = false };
    struct banner banner = { .shown = false };
    struct window window;
    int r;

    secret_harden_process();
    json_wipe_freed();
    log_setup("berth-greeter", false, LOG_INFO);
    r = window_open(&window, &error);
    if (r >= 0) {
        greeter.window = &window;
        greeter.sampler = &sampler;
        greeter.banner = &banner;
        banner_open(&banner, &window);
        r = keyboard_open(window.x, &greeter.keyboard, &error);
    }
    if (r >= 0)
        r = greeter_run(&greeter, &error);
    if (greeter.keyboard)
        keyboard_close(greeter.keyboard);
    if (r < 0)
        log_failure(EV_AGENT_CHILD, &error, "berth-greeter");
    if (greeter.window)
        window_close(&window);
    return r < 0 ? 1 : 0;
}
