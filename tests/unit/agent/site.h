/* site.h - a site for the agent's tests: a CA, a broker's and a terminal's certificates, made anew
 * in every run. */
#ifndef BERTH_TESTS_AGENT_SITE_H
#define BERTH_TESTS_AGENT_SITE_H

#include <stdlib.h>
#include <string.h>

#include "berth/issuer.h"
#include "berth/loop.h"
#include "berth/tls.h"

#include "test.h"

#define SITE_HOUR_MS 3600000LL

struct site {
    struct issuer *issuer;
    char *authority; /* PEM */
    char *server_key;
    char server[2 * ISSUER_PEM_MAX]; /* its certificate and the CA's: who joins knows the CA by its
                                        hash alone */
};

/* Sign a request as this site's CA would. server: for server authentication. */
static inline void site_sign(struct site *site, const char *request, bool server, int64_t begins_ms,
                             int64_t ends_ms, char out[ISSUER_PEM_MAX])
{
    const struct certificate_params params = { .request = request,
                                               .common_name = server ? "broker" : "ICU-07",
                                               .hosts = server ? "localhost 127.0.0.1" : NULL,
                                               .uri = server ? NULL : "berth:terminal:7",
                                               .server = server,
                                               .begins_ms = begins_ms,
                                               .ends_ms = ends_ms,
                                               .serial = { 1, 2, 3 } };
    struct berth_error error = { 0 };
    int64_t ends;

    EXPECT_OK(issuer_sign(site->issuer, &params, out, &ends, &error));
}

static inline struct site *site_new(void)
{
    static const unsigned char serial[ISSUER_SERIAL] = { 9 };
    struct site *site = berth_new(struct site);
    struct berth_error error = { 0 };
    char *key = NULL;
    char *request = NULL;
    int64_t now_ms = clock_wall_ms();

    EXPECT_OK(issuer_make("Test site", now_ms, 30, serial, &key, &site->authority, &error));
    EXPECT_OK(issuer_open(key, site->authority, &site->issuer, &error));
    berth_wipe_free(key, strlen(key));
    EXPECT_OK(tls_make_key(&site->server_key, &error));
    EXPECT_OK(tls_make_request(site->server_key, "broker", &request, &error));
    site_sign(site, request, true, now_ms - SITE_HOUR_MS, now_ms + SITE_HOUR_MS, site->server);
    free(request);
    (void)snprintf(site->server + strlen(site->server), ISSUER_PEM_MAX, "%s", site->authority);
    return site;
}

static inline void site_free(struct site *site)
{
    issuer_free(site->issuer);
    free(site->authority);
    berth_wipe_free(site->server_key, strlen(site->server_key));
    free(site);
}

#endif
