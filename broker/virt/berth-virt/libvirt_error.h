/* libvirt_error.h - libvirt's errors as codes and sentences of Berth.
 *
 * Module virt (berth-virt). Thread: the one whose libvirt call has just failed. libvirt's errors
 * are judged by code and domain together: code 38 of the RPC domain is a lost connection, of the
 * storage domain a full disk.
 */
#ifndef BERTH_VIRT_LIBVIRT_ERROR_H
#define BERTH_VIRT_LIBVIRT_ERROR_H

#include "berth/error.h"

/* libvirt prints to standard error unless told otherwise; call once. */
void libvirt_error_setup(void);

/* Code of errors.def for a libvirt error. */
int libvirt_error_class(int code, int domain);

/* What of libvirt's sentence says the cause: without its own wrapping, of QEMU's output the last
 * line without time and program, and of what does not fit into size bytes (at least 8) the end.
 */
void libvirt_error_sentence(const char *message, char *ret, size_t size);

/* Fill `reterr` from this thread's last libvirt error as "what: libvirt's sentence" and return
 * its class. */
int libvirt_fail(struct berth_error *reterr, const char *format, ...) berth_printf(2, 3);

/* Does libvirt's sentence about a disk that was not made say which file below that disk cannot be
 * read? *ret_file (bytes of it: `size`) and *ret_why are then filled; a name that does not fit is
 * cut.
 */
bool libvirt_error_backing(const char *message, char *ret_file, size_t size, char ret_why[64]);

/* Is the last libvirt error of this thread this one? (VIR_ERR_...) */
bool libvirt_error_is(int code);

#endif
