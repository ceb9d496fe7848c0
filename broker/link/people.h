/* people.h - connections of the people's door: TLS on one side, a socket pair with plain bytes on
 * the other.
 *
 * Module link, private. Thread: their door's. The HTTP server on the core loop sees plain bytes of a
 * local socket; there is one TLS stack, and no handshake on the core loop. Neither side is buffered
 * without bound: what one does not take is not read from the other.
 */
#ifndef BERTH_LINK_PEOPLE_H
#define BERTH_LINK_PEOPLE_H

#include "door.h"

/* To the core: one end of the pair. */
struct people_mail {
    struct loop_mail mail;
    struct door_house *house;
    int descriptor;
    struct sockaddr_storage from;
};

/* Take a connection over that admission has let in; the pass as well. */
void person_begin(struct door *door, const struct admission_newcomer *newcomer, struct pass *pass,
                  const struct sockaddr_storage *from);

/* End one that is not done with its handshake. */
void person_drop(struct door *door, uint64_t id);

/* Begin to close every connection: the link ends. */
void people_close_all(struct door *door);

#endif
