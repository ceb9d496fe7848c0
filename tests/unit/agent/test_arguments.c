/* test_arguments.c - the arguments of the viewer: everything is pinned and switched by name, and
 * nothing can be injected. */
#include "viewer/arguments.h"

#include "test.h"

static struct viewer_request request_of(void)
{
    struct viewer_request request = { .host = "10.0.0.5",
                                      .port = 3389,
                                      .account = "anna",
                                      .fingerprint = "00112233445566778899aabbccddeeff"
                                                     "00112233445566778899aabbccddeeff" };

    EXPECT(secret_set(&request.password, "se cret", 7));
    return request;
}

TEST(arguments, one_a_line_with_the_certificate_pinned)
{
    struct viewer_request request = request_of();
    struct arguments arguments;
    struct berth_error error = { 0 };

    EXPECT_OK(arguments_make(&request, &arguments, &error));
    EXPECT_SAYS(arguments.text, "/v:|:4\n"); /* no address: what it is connected to is given */
    EXPECT_SAYS(arguments.text, "/server-name:10.0.0.5\n");
    EXPECT_SAYS(arguments.text, "/u:anna\n");
    EXPECT_SAYS(arguments.text, "/p:se cret\n");
    EXPECT_SAYS(arguments.text, "/cert:deny,fingerprint:sha256:0011223344");
    EXPECT(!strstr(arguments.text, "/d:"));
    EXPECT_INT(strlen(arguments.text), arguments.size);
}

/* The proof on a real client is tests/e2e/site_hostile_desktop.sh. */
TEST(arguments, no_way_around_the_pinned_certificate)
{
    struct viewer_request request = request_of();
    struct arguments arguments;
    struct berth_error error = { 0 };

    EXPECT_OK(arguments_make(&request, &arguments, &error));
    EXPECT_SAYS(arguments.text, "\n/sec:rdp:off\n");
    EXPECT_SAYS(arguments.text, "\n-auto-reconnect\n");
    EXPECT(!strstr(arguments.text, "+auto-reconnect"));
    EXPECT(!strstr(arguments.text, "auto-reconnect-max-retries"));
    EXPECT(!strstr(arguments.text, "/cert:ignore"));
    EXPECT(!strstr(arguments.text, "tofu"));
}

TEST(arguments, what_is_not_allowed_is_switched_off_by_name)
{
    struct viewer_request request = request_of();
    struct arguments arguments;
    struct berth_error error = { 0 };

    EXPECT_OK(arguments_make(&request, &arguments, &error));
    EXPECT_SAYS(arguments.text, "\n-clipboard\n");
    EXPECT_SAYS(arguments.text, "\n-drives\n");
    EXPECT_SAYS(arguments.text, "\n/audio-mode:2\n");
    EXPECT(!strstr(arguments.text, "/usb"));
    EXPECT(!strstr(arguments.text, "/printer"));
    request.clipboard = request.drives = request.usb = request.sound = request.printers = true;
    EXPECT_OK(arguments_make(&request, &arguments, &error));
    EXPECT_SAYS(arguments.text, "\n+clipboard\n");
    EXPECT_SAYS(arguments.text, "\n+drives\n");
    EXPECT_SAYS(arguments.text, "\n/sound\n");
    EXPECT_SAYS(arguments.text, "\n/usb:auto\n");
    EXPECT_SAYS(arguments.text, "\n/printer\n");
}

static void expect_refused(const struct viewer_request *request)
{
    struct arguments arguments;
    struct berth_error error = { 0 };

    EXPECT(arguments_make(request, &arguments, &error) < 0);
    EXPECT(!strstr(error.text, "cret"));
    EXPECT_INT(arguments.size, 0);
}

TEST(arguments, nothing_becomes_a_second_argument)
{
    struct viewer_request request = request_of();

    EXPECT(secret_set(&request.password, "x\n/drive:root,/", 15));
    expect_refused(&request);
    request = request_of();
    (void)snprintf(request.account, sizeof(request.account), "a\n/shell:x");
    expect_refused(&request);
    request = request_of();
    (void)snprintf(request.host, sizeof(request.host), "a /cert:ignore");
    expect_refused(&request);
    request = request_of();
    request.port = 70000;
    expect_refused(&request);
}

TEST(arguments, no_desktop_without_a_pinned_certificate)
{
    struct viewer_request request = request_of();

    request.fingerprint[0] = '\0';
    expect_refused(&request);
    request = request_of();
    request.fingerprint[63] = 'X';
    expect_refused(&request);
}

TEST(arguments, its_log_is_read_and_kept_with_care)
{
    EXPECT(arguments_says_active(
        "DEBUG|com.freerdp.core.rdp|CONNECTION_STATE_FINALIZATION_CLIENT_FONT_MAP "
        "--> CONNECTION_STATE_ACTIVE"));
    EXPECT(!arguments_says_active("DEBUG|com.freerdp.core.rdp|CONNECTION_STATE_ACTIVE --> X"));
    EXPECT(
        !arguments_says_active("WARN|com.freerdp.crypto|CN = \"x --> CONNECTION_STATE_ACTIVE\""));
    EXPECT(arguments_may_be_logged("ERROR|com.freerdp.core|freerdp_post_connect failed"));
    EXPECT(!arguments_may_be_logged("ERROR|com.freerdp.client.common.cmdline|unexpected /p:x"));
    EXPECT(!arguments_may_be_logged("FREERDP_CB: /p:secret"));
    EXPECT(!arguments_may_be_logged("Password:"));
}

TEST_MAIN()
