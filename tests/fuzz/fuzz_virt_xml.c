/* fuzz_virt_xml.c - domain XML as a hypervisor or an administrator's template may contain it. */
#include <string.h>

#include "virt/berth-virt/domain_xml.h"
#include "virt/berth-virt/xml.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const struct virt_args args = { .uuid = "01234567-89ab-4def-8123-456789abcdef",
                                       .name = "ward-3-<7>",
                                       .desktop_id = 7,
                                       .pool = "ward-3",
                                       .storage = "berth",
                                       .volume = "berth-7.qcow2",
                                       .kernel = "/k",
                                       .memory_mib = 512,
                                       .vcpus = 2,
                                       .forward_port = 40007,
                                       .forward_address = "10.0.0.5" };

/* What is made from a template is read back as what was put in. */
static void check_made(const char *xml)
{
    struct domain_info facts;

    if (domain_xml_read(xml, strlen(xml), &facts, NULL) < 0)
        return; /* a huge attribute of the template may have made it too large to read again */
    if (!facts.ours || facts.desktop_id != args.desktop_id || facts.forward_port != 40007 ||
        strcmp(facts.volume, args.volume) != 0)
        abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    const char *text = (const char *)data;
    struct domain_info facts;
    struct domain_disk disk;
    struct berth_error error = { 0 };
    char path[1024];
    char *xml = NULL;

    xml_setup();
    if (domain_xml_make(text, size, &args, &xml, &error) == 0) {
        check_made(xml);
        free(xml);
    }
    if (domain_xml_read(text, size, &facts, &error) == 0 && facts.forward_port > 65535)
        abort();
    xml = NULL;
    if (domain_xml_readdress(text, size, &args, &xml, &error) == 0)
        free(xml);
    (void)domain_xml_disk(text, size, &disk, &error);
    domain_xml_nvram(text, size, path, sizeof(path));
    volume_xml_backing(text, size, path, sizeof(path));
    return 0;
}
