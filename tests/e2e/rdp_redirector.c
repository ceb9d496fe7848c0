/* rdp_redirector.c - an RDP server that redirects its clients to another address; run by
 * site_hostile_desktop.sh.
 *
 * usage: e2e-program-rdp_redirector ADDRESS PORT CERTIFICATE KEY TARGET TARGET-CERTIFICATE DELAY-MS
 *
 * It stands for a compromised desktop: CERTIFICATE and KEY are the desktop's own. DELAY-MS after a
 * session has begun it sends a Server Redirection ([MS-RDPBCGR] 2.2.13.1) to TARGET with
 * TARGET-CERTIFICATE as the trusted one. Standard output reports "ready", "connected", "active" and
 * "redirected".
 */
#include <freerdp/channels/channels.h>
#include <freerdp/crypto/certificate.h>
#include <freerdp/crypto/privatekey.h>
#include <freerdp/freerdp.h>
#include <freerdp/listener.h>
#include <freerdp/peer.h>
#include <freerdp/redirection.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <winpr/ssl.h>
#include <winpr/synch.h>
#include <winpr/thread.h>
#include <winpr/wtsapi.h>

#define TURN_MS 50
#define HANDLES_MAX 32
#define ELEMENT_CERTIFICATE 32 /* [MS-RDPBCGR] 2.2.13.1.2.1 */
#define ENCODING_DER 1

static const char *certificate, *key, *target, *target_certificate;
static int64_t delay_ms;

static void tell(const char *line)
{
    (void)printf("%s\n", line);
    (void)fflush(stdout);
}

static void need(bool good, const char *what)
{
    if (good)
        return;
    (void)fprintf(stderr, "rdp_redirector: %s\n", what);
    exit(2);
}

static int64_t now_ms(void)
{
    struct timespec now;

    (void)clock_gettime(CLOCK_MONOTONIC, &now);
    return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

/* Type, encoding and size, then the certificate. */
static void vouch(rdpRedirection *redirection)
{
    rdpCertificate *file = freerdp_certificate_new_from_file(target_certificate);
    uint32_t head[3] = { ELEMENT_CERTIFICATE, ENCODING_DER };
    size_t size = 0;
    BYTE *der = file ? freerdp_certificate_get_der(file, &size) : NULL;
    BYTE *element = malloc(sizeof(head) + size);

    need(der && element, target_certificate);
    head[2] = (uint32_t)size;
    memcpy(element, head, sizeof(head));
    memcpy(element + sizeof(head), der, size);
    need(redirection_set_byte_option(redirection, LB_TARGET_CERTIFICATE, element,
                                     sizeof(head) + size),
         "the certificate of the target");
    free(element);
    free(der);
    freerdp_certificate_free(file);
}

static void redirect(freerdp_peer *peer)
{
    rdpRedirection *redirection = redirection_new();
    UINT32 wrong = 0;

    need(redirection != NULL, "no memory");
    (void)redirection_set_session_id(redirection, 1);
    (void)redirection_set_flags(redirection, LB_TARGET_NET_ADDRESS | LB_TARGET_CERTIFICATE);
    (void)redirection_set_string_option(redirection, LB_TARGET_NET_ADDRESS, target);
    vouch(redirection);
    need(redirection_settings_are_valid(redirection, &wrong), "the redirection is not valid");
    need(peer->SendServerRedirection(peer, redirection), "the redirection was not sent");
    redirection_free(redirection);
    tell("redirected");
}

static BOOL agree(freerdp_peer *peer)
{
    (void)peer;
    return TRUE;
}

static void set_up(freerdp_peer *peer)
{
    rdpSettings *settings;

    need(freerdp_peer_context_new(peer), "no memory");
    settings = peer->context->settings;
    need(freerdp_settings_set_pointer_len(settings, FreeRDP_RdpServerCertificate,
                                          freerdp_certificate_new_from_file(certificate), 1) &&
             freerdp_settings_set_pointer_len(settings, FreeRDP_RdpServerRsaKey,
                                              freerdp_key_new_from_file(key), 1),
         "certificate or key");
    (void)freerdp_settings_set_bool(settings, FreeRDP_NlaSecurity, FALSE);
    (void)freerdp_settings_set_bool(settings, FreeRDP_RdpSecurity, FALSE);
    (void)freerdp_settings_set_bool(settings, FreeRDP_TlsSecurity, TRUE);
    peer->Capabilities = agree;
    peer->PostConnect = agree;
    peer->Activate = agree;
    need(peer->Initialize(peer), "initialize");
}

static DWORD WINAPI serve(LPVOID argument)
{
    freerdp_peer *peer = argument;
    HANDLE handles[HANDLES_MAX];
    int64_t due_ms = 0;
    bool sent = false;

    set_up(peer);
    do {
        (void)WaitForMultipleObjects(peer->GetEventHandles(peer, handles, HANDLES_MAX), handles,
                                     FALSE, TURN_MS);
        if (peer->activated && due_ms == 0) {
            tell("active");
            due_ms = now_ms() + delay_ms;
        }
        if (due_ms != 0 && !sent && now_ms() >= due_ms) {
            redirect(peer);
            sent = true;
        }
    } while (peer->CheckFileDescriptor(peer));
    (void)peer->Disconnect(peer);
    freerdp_peer_context_free(peer);
    freerdp_peer_free(peer);
    return 0;
}

static BOOL accepted(freerdp_listener *listener, freerdp_peer *peer)
{
    HANDLE thread = CreateThread(NULL, 0, serve, peer, 0, NULL);

    (void)listener;
    tell("connected");
    need(thread != NULL, "no thread");
    (void)CloseHandle(thread);
    return TRUE;
}

int main(int argc, char **argv)
{
    HANDLE handles[HANDLES_MAX];
    freerdp_listener *listener;

    need(argc == 8, "usage: ADDRESS PORT CERTIFICATE KEY TARGET TARGET-CERTIFICATE DELAY-MS");
    certificate = argv[3];
    key = argv[4];
    target = argv[5];
    target_certificate = argv[6];
    delay_ms = strtol(argv[7], NULL, 10);
    need(winpr_InitializeSSL(WINPR_SSL_INIT_DEFAULT) &&
             WTSRegisterWtsApiFunctionTable(FreeRDP_InitWtsApi()),
         "FreeRDP cannot be set up");
    listener = freerdp_listener_new();
    need(listener != NULL, "no memory");
    listener->PeerAccepted = accepted;
    need(listener->Open(listener, argv[1], (UINT16)strtoul(argv[2], NULL, 10)), "cannot listen");
    tell("ready");
    do
        (void)WaitForMultipleObjects(listener->GetEventHandles(listener, handles, HANDLES_MAX),
                                     handles, FALSE, INFINITE);
    while (listener->CheckFileDescriptor(listener));
    return 1;
}
