/* fake_ports.h - the small ports: probe, auth and ca.
 *
 * Module tests. The probe asks the fake machine whether its RDP server answers. Auth compares a
 * password with a hash that contains it. The authority writes certificates as plain text. All are
 * deterministic.
 */
#ifndef BERTH_TESTS_FAKES_FAKE_PORTS_H
#define BERTH_TESTS_FAKES_FAKE_PORTS_H

#include "auth/auth.h"
#include "auth/ca.h"
#include "fakes/fake_hypervisors.h"
#include "rdp/probe.h"

struct probe *fake_probe_new(struct fake_hypervisors *hypervisors, struct berth_timers *timers);
void fake_probe_free(struct probe *probe);
/* The probe is full from now on: every caller gets BUSY. */
void fake_probe_full(struct probe *probe, bool full);

struct auth *fake_auth_new(struct environment *environment, struct core *core,
                           struct berth_timers *timers);
void fake_auth_free(struct auth *auth);
/* The hash of this password for the row of a user or an administrator. ret: 160 bytes. */
void fake_auth_hash(const char *password, char *ret);

struct ca *fake_ca_new(struct environment *environment, struct berth_timers *timers);
void fake_ca_free(struct ca *ca);
/* Validity of its certificates; default seven days. */
void fake_ca_set_life(struct ca *ca, int64_t life_ms);
/* Time to issue a certificate, from the next one on; default 5 ms. */
void fake_ca_set_signing(struct ca *ca, int64_t signing_ms);

/* Texts of the fake authority. A request is "request KEY", a certificate "certificate NAME KEYHASH
 * END", a signature by a key over a request "signed KEY REQUEST".
 */
void fake_ca_request(char *out, size_t size, const char *key);
void fake_ca_signature(char *out, size_t size, const char *key, const char *request);

/* The digest of the stories: 64 hexadecimal digits of a text, not cryptographic. */
void fake_digest(const char *text, char hex[72]);

#endif
