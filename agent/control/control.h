/* control.h - the agent's control socket: a Unix socket for requests from the same machine.
 *
 * Module control of the agent, above the flows. Thread: loop. Only the agent's user and root may
 * connect (mode 0600 and the peer's credentials), and no confined process such as the viewer. One
 * request per connection (requests.def); a sign-on is answered when the picture is on the screen.
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
    CONTROL_REQUESTS
};

struct control_row {
    const char *word;
    const char *arguments;
    const char *sentence;
};
const struct control_row *control_row(enum control_request request);

/* CONTROL_NONE for an unknown word. */
enum control_request control_request(const char *word);

/* Listen at `path`. join: called with `context` and the text of an invitation; returns 0 or an
 * error. Returns NULL with *reterr set. Errors: EXISTS (another agent listens there), CONFIG (the
 * path is too long), IO.
 */
struct control *control_new(struct berth_loop *loop, struct agent_flow *agent, const char *path,
                            int (*join)(void *context, const char *invitation,
                                        struct berth_error *reterr),
                            void *context, struct berth_error *reterr);

/* Close all connections and remove the socket. control_is_closed: all handles are closed, and
 * control_free may be called. */
void control_end(struct control *control);
bool control_is_closed(const struct control *control);
void control_free(struct control *control);

#endif
