/* template.h - a small template, and the id of the machine that tests make of it. */
#ifndef BERTH_TESTS_TEMPLATE_H
#define BERTH_TESTS_TEMPLATE_H

#define UUID "01234567-89ab-4def-8123-456789abcdef"

static const char template[] =
    "<domain type='test' xmlns:qemu='http://libvirt.org/schemas/domain/qemu/1.0'>"
    "<name>x</name><memory unit='MiB'>64</memory><os><type>hvm</type></os><devices>"
    "<disk type='file' device='disk'><source file='/x'/><target dev='vda'/></disk>"
    "<interface type='network'><source network='default'/></interface></devices>"
    "<qemu:commandline><qemu:arg value='-netdev'/><qemu:arg "
    "value='user,id=n0'/></qemu:commandline></domain>";

#endif
