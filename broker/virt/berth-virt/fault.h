/* fault.h - libvirt's failures in Berth's words.
 *
 * Room virt (berth-virt). Thread: the one whose libvirt call has just failed. libvirt's errors are
 * judged by code and domain together: code 38 of the RPC domain is a lost connection, of the
 * storage domain a full disk.
 */
#ifndef BERTH_VIRT_FAULT_H
#define BERTH_VIRT_FAULT_H

#include "berth/error.h"

/* libvirt prints to standard error unless told otherwise; call once. */
void fault_setup(void);

/* Code of errors.def for a libvirt error. */
int fault_class(int code, int domain);

/* What of libvirt's sentence says the cause: without its own wrapping, of QEMU's output the last
 * line without time and program, and of what does not fit into size bytes (at least 8) the end.
 */
void fault_sentence(const char *message, char *ret, size_t size);

/* Fill `reterr` from this thread's last libvirt error as "what: libvirt's sentence" and return
 * its class. */
int fault(struct berth_error *reterr, const char *format, ...) berth_printf(2, 3);

/* Does libvirt's sentence about a disk that was not made say which file below that disk cannot be
 * read? *ret_file (bytes of it: `size`) and *ret_why are then filled; a name that does not fit is
 * cut.
 */
bool fault_backing(const char *message, char *ret_file, size_t size, char ret_why[64]);

/* A code that says nothing of what was asked for, only that nobody could tell: the connection was
 * lost, or the host was busy. It stays what it is, whatever else would be to blame. */
bool fault_is_passing(int code);

/* Is the last libvirt error of this thread this one? (VIR_ERR_...) */
bool fault_is(int code);

#endif
