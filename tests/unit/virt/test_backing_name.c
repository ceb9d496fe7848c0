/* test_backing_name.c - names of backing files as JSON: which are files of the host. */
#include <string.h>

#include "virt/berth-virt/backing_name.h"

#include "test.h"

/* An ordinary file: expect NULL; else a part of the sentence. */
static void expect_name(const char *name, const char *part)
{
    struct berth_error error = { 0 };
    int r;

    r = backing_name_check(name, strlen(name), &error);
    if (!part && r < 0)
        fail_msg("%s: %s", name, error.text);
    if (!part)
        return;
    EXPECT_ERR(r, BERTH_E_CONFIG);
    EXPECT_SAYS(error.text, part);
}

TEST(backing_name, a_plain_name_is_no_json)
{
    EXPECT(!backing_name_is_json("/images/json:base.qcow2", 23));
    EXPECT(!backing_name_is_json("json:{}", 4));
    EXPECT(!backing_name_is_json("", 0));
}

/* As libvirt and qemu-img read them. */
TEST(backing_name, a_file_of_the_host_is_taken)
{
    expect_name("json:{\"file\":{\"driver\":\"file\",\"filename\":\"/i/base.qcow2\"}}", NULL);
    expect_name("json:{\"file.driver\":\"file\",\"file.filename\":\"/i/base.qcow2\"}", NULL);
    expect_name("json:{\"driver\":\"raw\",\"file\":{\"driver\":\"file\",\"filename\":\"/i/b\"}}",
                NULL);
    expect_name("json:{\"driver\":\"raw\",\"file.driver\":\"file\",\"file.filename\":\"/i/b\"}",
                NULL);
    expect_name("json:{\"file.driver\":\"raw\",\"file.file.driver\":\"file\","
                "\"file.file.filename\":\"/i/b\"}",
                NULL);
    expect_name("json:{\"file\":{\"driver\":\"file\",\"filename\":\"/i/b\",\"locking\":\"off\"}}",
                NULL);
    expect_name("json:{\"file\":{\"driver\":\"raw\",\"file\":"
                "{\"driver\":\"file\",\"filename\":\"/i/b\"}}}",
                NULL);
}

TEST(backing_name, another_driver_is_named)
{
    expect_name("json:{\"driver\":\"nbd\",\"server\":{\"type\":\"inet\",\"host\":\"kvm3\"}}",
                "driver 'nbd'");
    expect_name("json:{\"driver\":\"raw\",\"file\":{\"driver\":\"rbd\",\"pool\":\"p\"}}",
                "driver 'rbd'");
    expect_name("json:{\"driver\":\"host_device\",\"filename\":\"/dev/sda\"}",
                "driver 'host_device'");
    /* libvirt reads this, qemu-img does not. */
    expect_name("json:{\"driver\":\"file\",\"filename\":\"/i/b\"}", "driver 'file' outside");
    /* QEMU reads these, libvirt does not. */
    expect_name("json:{\"driver\":\"qcow2\",\"file\":{\"driver\":\"file\",\"filename\":\"/i/b\"}}",
                "driver 'qcow2'");
    expect_name("json:{\"driver\":\"raw\",\"file\":{\"driver\":\"raw\",\"file\":"
                "{\"driver\":\"file\",\"filename\":\"/i/b\"}}}",
                "driver 'raw'");
}

TEST(backing_name, what_is_no_description_of_a_file_is_refused)
{
    expect_name("json:", "cannot be read");
    expect_name("json:{\"driver\":\"file\"", "cannot be read");
    expect_name("json:[[[[[[[[[[[[]]]]]]]]]]]]", "cannot be read: JSON: nested deeper");
    expect_name("json:[]", "without a driver");
    expect_name("json:{}", "without a driver");
    expect_name("json:{\"driver\":7}", "without a driver");
    expect_name("json:{\"file\":\"node0\"}", "without a driver");
    expect_name("json:{\"driver\":\"raw\"}", "without a driver");
    expect_name("json:{\"file.driver\":\"file\"}", "without a path");
    expect_name("json:{\"file\":{\"driver\":\"file\",\"filename\":[]}}", "without a path");
    expect_name("json:{\"file\":{\"driver\":\"file\",\"filename\":\"b\"}}",
                "'b', which is not an absolute");
    expect_name("json:{\"driver\":\"raw\",\"offset\":512,\"file.driver\":\"file\","
                "\"file.filename\":\"/i/b\"}",
                "a part of a file");
}

/* QEMU uses these, libvirt does not read them: they open unchecked files. */
TEST(backing_name, what_is_not_known_is_refused)
{
    expect_name(
        "json:{\"file\":{\"driver\":\"file\",\"filename\":\"/i/base.qcow2\"},\"backing\":"
        "{\"driver\":\"raw\",\"file\":{\"driver\":\"nbd\",\"server\":{\"host\":\"kvm3\"}}}}",
        "the key 'backing'");
    expect_name("json:{\"file\":{\"driver\":\"file\",\"filename\":\"/i/b\"},"
                "\"backing.file.driver\":\"nbd\"}",
                "the key 'backing.file.driver'");
    expect_name("json:{\"file\":{\"driver\":\"file\",\"filename\":\"/i/b\"},\"data-file\":"
                "{\"driver\":\"file\",\"filename\":\"/etc/shadow\"}}",
                "the key 'data-file'");
    expect_name("json:{\"driver\":\"raw\",\"backing\":null,\"file.driver\":\"file\","
                "\"file.filename\":\"/i/b\"}",
                "the key 'backing'");
    expect_name("json:{\"file.driver\":\"raw\",\"file.backing\":\"x\",\"file.file.driver\":"
                "\"file\",\"file.file.filename\":\"/i/b\"}",
                "the key 'file.backing'");
    expect_name("json:{\"file\":{\"driver\":\"raw\",\"data-file\":\"x\",\"file\":"
                "{\"driver\":\"file\",\"filename\":\"/i/b\"}}}",
                "the key 'data-file'");
    expect_name("json:{\"file\":{\"driver\":\"file\",\"filename\":\"/i/b\",\"pr-manager\":\"x\"}}",
                "the key 'pr-manager'");
    expect_name(
        "json:{\"file.driver\":\"file\",\"file.filename\":\"/i/b\",\"file.aio\":\"native\"}",
        "the key 'file.aio'");
    expect_name("json:{\"file.driver\":\"file\",\"file.filename\":\"/i/b\","
                "\"file.locking\":\"off\"}",
                NULL);
    expect_name("json:{\"driver\":\"raw\",\"size\":512,\"file.driver\":\"file\","
                "\"file.filename\":\"/i/b\"}",
                "a part of a file");
}

TEST(backing_name, a_file_is_described_in_one_way)
{
    expect_name("json:{\"file\":{\"driver\":\"file\",\"filename\":\"/i/b\"},"
                "\"file.filename\":\"/etc/shadow\"}",
                "the key 'file.filename' beside 'file'");
    expect_name("json:{\"file\":\"node0\",\"file.driver\":\"file\",\"file.filename\":\"/i/b\"}",
                "the key 'file.driver' beside 'file'");
    expect_name("json:{\"file.driver\":\"raw\",\"file.file\":{\"driver\":\"file\",\"filename\":"
                "\"/i/b\"},\"file.file.filename\":\"/etc/shadow\"}",
                "the key 'file.file.filename' beside 'file.file'");
}

/* A colon before the first slash is a protocol, for QEMU and for libvirt. */
TEST(backing_name, a_plain_name_is_a_file_of_the_host)
{
    expect_name("/i/base.qcow2", NULL);
    expect_name("base.qcow2", NULL);
    expect_name("/i/a:b.qcow2", NULL);
    expect_name("./a:b.qcow2", NULL);
    expect_name("nbd://kvm3/base", "by the protocol 'nbd'");
    expect_name("nbd:kvm3:10809", "by the protocol 'nbd'");
    expect_name("http://kvm3/base.qcow2", "by the protocol 'http'");
    expect_name("a:b.qcow2", "by the protocol 'a'");
    expect_name(":b", "by the protocol ''");
    /* QEMU opens /i/b; libvirt follows it to no file. */
    expect_name("file:/i/b", "by the protocol 'file'");
    expect_name("file:///i/b", "by the protocol 'file'");
}

TEST_MAIN()
