/* guest.h - what berth-virt and the desktop image agree on: files and programs inside the guest.
 *
 * Module virt (berth-virt). An image without them is fine: what is missing is a fact (UNSUPPORTED,
 * NOT_FOUND or an empty answer), never a failure of the machine.
 */
#ifndef BERTH_VIRT_GUEST_H
#define BERTH_VIRT_GUEST_H

/* SHA-256 of the RDP server's certificate, hexadecimal, written at boot. */
#define GUEST_FINGERPRINT_FILE "/run/berth/rdp-fingerprint"

/* First line: what the guest knows of its session; absent as long as nobody has signed on. */
#define GUEST_STATE_FILE "/run/berth/session-state"

/* Ends the session of the account given as its only argument and makes the account's password
 * useless. */
#define GUEST_SIGN_OFF_PROGRAM "/usr/lib/berth/end-session"

#endif
