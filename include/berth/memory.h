/* memory.h - the libraries allocate through Berth's own allocator.
 *
 * Module shared. Running out of memory ends the program with its sentence (see base.h), also inside
 * OpenSSL, libuv and jansson: what those do about it themselves is code that hardly anybody ever
 * ran. OpenSSL 3.0 crashes when an allocation of its start fails, libuv aborts without a word.
 */
#ifndef BERTH_MEMORY_H
#define BERTH_MEMORY_H

/* First of all in main, before any library has allocated. */
void memory_guard_libraries(void);

#endif
