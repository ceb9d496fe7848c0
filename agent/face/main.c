/* main.c - berth-face: a child of berth-agent; nothing for people to start. */
#include <stdio.h>

#include "berth/json.h"
#include "berth/log.h"
#include "berth/secret.h"

#include "face/banner.h"
#include "face/face.h"
#include "face/keys.h"
#include "face/sample.h"
#include "face/window.h"

int main(void)
{
    static struct face face;
    struct berth_error error = { 0 };
    struct sampler sampler = { .watching = false };
    struct banner banner = { .shown = false };
    struct window window;
    int r;

    secret_harden_process();
    json_wipe_freed();
    log_setup("berth-face", false, LOG_INFO);
    r = window_open(&window, &error);
    if (r >= 0) {
        face.window = &window;
        face.sampler = &sampler;
        face.banner = &banner;
        banner_open(&banner, &window);
        r = keys_open(window.x, &face.keys, &error);
    }
    if (r >= 0)
        r = face_run(&face, &error);
    if (face.keys)
        keys_close(face.keys);
    if (r < 0)
        log_failure(EV_AGENT_CHILD, &error, "the face");
    if (face.window)
        window_close(&window);
    return r < 0 ? 1 : 0;
}
