/* guest.h - files and programs inside the guest that berth-virt uses; the interface to desktop
 * images.
 *
 * Module virt (berth-virt). All are optional: what an image lacks is reported as UNSUPPORTED,
 * NOT_FOUND or an empty result, never as a failure of the machine.
 */
#ifndef BERTH_VIRT_GUEST_H
#define BERTH_VIRT_GUEST_H

/* SHA-256 of the RDP server's certificate, hexadecimal, written at boot. */
#define GUEST_FINGERPRINT_FILE "/run/berth/rdp-fingerprint"

/* First line: the guest's state of its session; absent until a user has signed on. */
#define GUEST_STATE_FILE "/run/berth/session-state"

/* Ends the session of the account given as its only argument and replaces the account's password by
 * a random one. */
#define GUEST_SIGN_OFF_PROGRAM "/usr/lib/berth/end-session"

#endif
