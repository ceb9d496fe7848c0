/* test_libvirt_error.c - libvirt's errors by code and domain, its events by name. */
#include <libvirt/libvirt.h>
#include <libvirt/virterror.h>

#include "virt/berth-virt/events.h"
#include "virt/berth-virt/libvirt_error.h"

#include "test.h"

TEST(libvirt_error, a_system_error_is_a_lost_connection_only_in_the_transport)
{
    EXPECT_INT(libvirt_error_class(VIR_ERR_SYSTEM_ERROR, VIR_FROM_RPC), BERTH_E_HOST_DOWN);
    EXPECT_INT(libvirt_error_class(VIR_ERR_INTERNAL_ERROR, VIR_FROM_RPC), BERTH_E_HOST_DOWN);
    EXPECT_INT(libvirt_error_class(VIR_ERR_SYSTEM_ERROR, VIR_FROM_STORAGE), BERTH_E_HOST);
    EXPECT_INT(libvirt_error_class(VIR_ERR_INTERNAL_ERROR, VIR_FROM_QEMU), BERTH_E_HOST);
}

TEST(libvirt_error, classes_of_the_codes_we_know)
{
    EXPECT_INT(libvirt_error_class(42, VIR_FROM_QEMU), BERTH_E_NOT_FOUND);
    EXPECT_INT(libvirt_error_class(68, VIR_FROM_QEMU), BERTH_E_BUSY);
    EXPECT_INT(libvirt_error_class(86, VIR_FROM_QEMU), BERTH_E_DESKTOP);
    EXPECT_INT(libvirt_error_class(55, VIR_FROM_QEMU), BERTH_E_STATE);
    EXPECT_INT(libvirt_error_class(3, VIR_FROM_LXC), BERTH_E_UNSUPPORTED);
    EXPECT_INT(libvirt_error_class(8, VIR_FROM_TEST), BERTH_E_UNSUPPORTED);
    EXPECT_INT(libvirt_error_class(74, VIR_FROM_QEMU), BERTH_E_UNSUPPORTED);
    EXPECT_INT(libvirt_error_class(9999, 9999), BERTH_E_HOST);
}

TEST(libvirt_error, says_what_and_what_libvirt_said)
{
    struct berth_error error = { 0 };
    virConnectPtr connection;

    libvirt_error_setup();
    connection = virConnectOpen("nonsense:///x");
    EXPECT(connection == NULL);
    EXPECT(libvirt_fail(&error, "host '%s'", "kvm2") < 0);
    EXPECT_SAYS(error.text, "host 'kvm2': ");
    virResetLastError();
    EXPECT_ERR(libvirt_fail(&error, "host"), BERTH_E_HOST);
}

static const char *sentence(const char *message)
{
    static char text[64];

    libvirt_error_sentence(message, text, sizeof(text));
    return text;
}

TEST(libvirt_error, the_cause_is_what_is_left_of_a_sentence)
{
    EXPECT_STR(sentence("Domain not found"), "Domain not found");
    EXPECT_STR(sentence("internal error: no such thing"), "no such thing");
    EXPECT_STR(sentence("internal error: qemu unexpectedly closed the monitor: "
                        "2026-11-30T09:56:27.123456Z qemu-system-x86_64: cannot allocate memory"),
               "cannot allocate memory");
    EXPECT_STR(sentence("internal error: process exited while connecting to monitor: "
                        "qemu-system-x86_64: warning: old machine\n"
                        "2026-11-30T09:56:27.123456Z qemu-system-x86_64: no KVM\n"),
               "no KVM");
    EXPECT_STR(sentence("internal error: QEMU unexpectedly closed the monitor (vm='a'): "
                        "/usr/bin/qemu-kvm: -drive x: no file"),
               "-drive x: no file");
    EXPECT_STR(sentence("internal error: qemu unexpectedly closed the monitor"),
               "qemu unexpectedly closed the monitor");
    EXPECT_STR(sentence("internal error: qemu unexpectedly closed the monitor: \n"),
               "qemu unexpectedly closed the monitor: \n");
}

TEST(libvirt_error, what_must_be_cut_keeps_its_end)
{
    EXPECT_STR(
        sentence("Failed to open '/a/path/that/is/much/longer/than/there/is/room/for/in/it': "
                 "Permission denied"),
        "...much/longer/than/there/is/room/for/in/it': Permission denied");
    EXPECT_STR(sentence("01 \u00e4 0123456789 0123456789 0123456789 0123456789 0123456789 012"),
               "... 0123456789 0123456789 0123456789 0123456789 0123456789 012");
}

#define QEMU_IMG                                                                           \
    "internal error: Child process (/usr/bin/qemu-img create -f qcow2 -b /i/top.qcow2 -o " \
    "backing_fmt=qcow2 /pool/berth-7.qcow2 65536K) unexpected exit status 1: qemu-img: "   \
    "/pool/berth-7.qcow2: "

static const char *backing(const char *message)
{
    static char text[160];
    char file[64], why[64];

    if (!libvirt_error_backing(message, file, sizeof(file), why))
        return "";
    (void)snprintf(text, sizeof(text), "%s: %s", file, why);
    return text;
}

TEST(libvirt_error, a_file_below_the_disk_is_told_from_the_disk_itself)
{
    EXPECT_STR(backing("inaccessible backing store volume /i/top.qcow2: Permission denied"),
               "/i/top.qcow2: Permission denied");
    EXPECT_STR(backing(QEMU_IMG "Could not open '/i/top.qcow2': Permission denied\n"
                                "Could not open backing image.\n"),
               "/i/top.qcow2: Permission denied");
    EXPECT_STR(backing(QEMU_IMG "Could not open backing file: Could not open backing file: "
                                "Could not open '/i/base.qcow2': No such file or directory\n"
                                "Could not open backing image.\n"),
               "/i/base.qcow2: No such file or directory");
    EXPECT_STR(backing("cannot create path '/pool/berth-7.qcow2': Permission denied"), "");
    EXPECT_STR(backing(QEMU_IMG "Could not create '/pool/berth-7.qcow2': Permission denied\n"), "");
    EXPECT_STR(backing(QEMU_IMG "Could not open '/pool/berth-7.qcow2': Permission denied\n"), "");
    EXPECT_STR(backing(QEMU_IMG "Could not open backing file: Unknown driver 'x'\n"
                                "Could not open backing image.\n"),
               "");
    EXPECT_STR(backing("inaccessible backing store volume"), "");
}

TEST(events, starts_and_stops_have_reasons_and_the_rest_is_silent)
{
    const char *reason;

    EXPECT_INT(events_kind(VIR_DOMAIN_EVENT_STARTED, VIR_DOMAIN_EVENT_STARTED_RESTORED, &reason),
               virt_event_kind_STARTED);
    EXPECT_STR(reason, "restored");
    EXPECT_INT(events_kind(VIR_DOMAIN_EVENT_STOPPED, VIR_DOMAIN_EVENT_STOPPED_CRASHED, &reason),
               virt_event_kind_STOPPED);
    EXPECT_STR(reason, "crashed");
    EXPECT_INT(events_kind(VIR_DOMAIN_EVENT_STOPPED, 99, &reason), virt_event_kind_STOPPED);
    EXPECT_INT(events_kind(VIR_DOMAIN_EVENT_UNDEFINED, 0, &reason), virt_event_kind_UNDEFINED);
    EXPECT_INT(events_kind(VIR_DOMAIN_EVENT_SUSPENDED, 0, &reason), virt_event_kind_NONE);
    EXPECT_INT(events_kind(1234, 0, &reason), virt_event_kind_NONE);
}

TEST_MAIN()
