/* memory.h - let libraries allocate through Berth's own allocator.
 *
 * Module shared. Out of memory ends the program with a message (see base.h), also inside OpenSSL,
 * libuv and jansson. Their own error paths are hardly tested: OpenSSL 3.0 crashes when an
 * allocation during its initialisation fails, libuv aborts without a message.
 */
#ifndef BERTH_MEMORY_H
#define BERTH_MEMORY_H

/* Call it first in main, before any library allocates. */
void memory_guard_libraries(void);

#endif
