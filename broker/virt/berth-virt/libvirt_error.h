/* libvirt_error.h - convert libvirt's errors to Berth's codes and messages.
 *
 * Module virt (berth-virt). Thread: the one whose libvirt call has just failed. The class of an
 * error depends on its code and its domain: code 38 of the RPC domain is a lost connection, of the
 * storage domain a full disk.
 */
#ifndef BERTH_VIRT_LIBVIRT_ERROR_H
#define BERTH_VIRT_LIBVIRT_ERROR_H

#include "berth/error.h"

/* Stop libvirt from printing errors to standard error; call once. */
void libvirt_error_setup(void);

/* Code of errors.def for a libvirt error. */
int libvirt_error_class(int code, int domain);

/* Extract the cause from libvirt's message: without libvirt's prefixes, from QEMU's output only the
 * last line without time and program, and, if it is longer than `size` bytes (at least 8), its end.
 */
void libvirt_error_sentence(const char *message, char *ret, size_t size);

/* Fill `reterr` from the last libvirt error of this thread as "format: cause" and return its class.
 */
int libvirt_fail(struct berth_error *reterr, const char *format, ...) berth_printf(2, 3);

/* Does libvirt's message about a disk that could not be created name a backing file that cannot be
 * read? Then fills ret_file (of `size` bytes; a longer name is truncated) and ret_why.
 */
bool libvirt_error_backing(const char *message, char *ret_file, size_t size, char ret_why[64]);

/* A code that says nothing of what was asked for, only that nobody could tell: the connection was
 * lost, or the host was busy. It stays what it is, whatever else would be to blame. */
bool libvirt_error_is_passing(int code);

/* Is the last libvirt error of this thread this one? (VIR_ERR_...) */
bool libvirt_error_is(int code);

#endif
