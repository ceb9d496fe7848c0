/* control.h - the agent's control socket: a Unix socket for scripts and tests on the same machine.
 *
 * Module control of the agent, above the flows. Only the agent's own user and root get in
 * (mode 0600 and the peer's credentials), and never a confined process such as the viewer. One
 * request a connection; a sign-on answers when the picture is there.
 */
#ifndef BERTH_AGENT_CONTROL_CONTROL_H
#define BERTH_AGENT_CONTROL_CONTROL_H

#include "berth/loop.h"

#include "flow/agent_flow.h"

struct control;

enum control_request {
    CONTROL_NONE,
#define REQUEST(symbol, word, arguments, sentence) CONTROL_##symbol,
#include "control/requests.def"
#undef REQUEST
    CONTROL_REQUESTS
};

struct control_row {
    const char *word;
    const char *arguments;
    const char *sentence;
};
const struct control_row *control_row(enum control_request request);

/* NONE when there is none. */
enum control_request control_request(const char *word);

/* Listen at `path`. join: called with the text of an invitation; returns 0 or a code.
 * Errors: IO (the folder, or somebody else listens there).
 */
struct control *control_new(struct berth_loop *loop, struct agent_flow *agent, const char *path,
                            int (*join)(void *context, const char *invitation,
                                        struct berth_error *reterr),
                            void *context, struct berth_error *reterr);

/* Hang up on everybody and remove the socket; control_is_gone tells when control_free may be
 * called. */
void control_end(struct control *control);
bool control_is_gone(const struct control *control);
void control_free(struct control *control);

#endif
