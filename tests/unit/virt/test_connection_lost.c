/* test_connection_lost.c - a connection that is lost in the middle of a call, at every request in
 * turn.
 *
 * Between the call and a private libvirtd stands a relay that counts the requests. The one whose
 * turn it is is carried out, and the connection ends in place of its answer. The call must tell
 * that the connection was lost: any other code would blame the machine, which goes into quarantine
 * for that. Repeated over another connection, it does what was left to do.
 */
#include <arpa/inet.h>
#include <dlfcn.h>
#include <poll.h>
#include <pthread.h>
#include <stdatomic.h>
#include <sys/socket.h>
#include <sys/un.h>

#include "virt/berth-virt/disk.h"
#include "virt/berth-virt/libvirt_error.h"
#include "virt/berth-virt/out.h"
#include "virt/berth-virt/virt_request.h"
#include "virt/wire.h"

#include "daemon.h"
#include "template.h"

#define STORAGE "default-pool"
#define LAYER "nightly.qcow2"

/* ---- the relay ---- */

static struct {
    struct sockaddr_un address, daemon;
    int listener;
    pthread_t thread;
    atomic_int left; /* requests until the connection ends; 0: it does not */
} relay;

/* All of it, or false: the end. */
static bool read_all(int from, char *bytes, size_t size)
{
    for (size_t done = 0; done < size;) {
        ssize_t some = read(from, bytes + done, size - done);

        if (some <= 0)
            return false;
        done += (size_t)some;
    }
    return true;
}

static bool write_all(int to, const char *bytes, size_t size)
{
    for (size_t done = 0; done < size;) {
        ssize_t some = write(to, bytes + done, size - done);

        if (some <= 0)
            return false;
        done += (size_t)some;
    }
    return true;
}

/* One request; libvirt's begin with their length, which counts itself. false: the end. */
static bool lead_request(int client, int daemon)
{
    static char bytes[1 << 20];
    uint32_t size;
    bool is_last;

    if (!read_all(client, bytes, sizeof(size)))
        return false;
    (void)memcpy(&size, bytes, sizeof(size));
    size = ntohl(size);
    if (size < sizeof(size) || size > sizeof(bytes) ||
        !read_all(client, bytes + sizeof(size), size - sizeof(size)))
        return false;
    is_last = atomic_load(&relay.left) > 0 && atomic_fetch_sub(&relay.left, 1) == 1;
    if (!write_all(daemon, bytes, size))
        return false;
    if (is_last)
        (void)!read(daemon, bytes, 1); /* it was carried out */
    return !is_last;
}

static bool lead_answer(int daemon, int client)
{
    static char bytes[65536];
    ssize_t size = read(daemon, bytes, sizeof(bytes));

    return size > 0 && write_all(client, bytes, (size_t)size);
}

static void lead(int client)
{
    int daemon = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    struct pollfd ends[] = { { .fd = client, .events = POLLIN },
                             { .fd = daemon, .events = POLLIN } };
    bool goes_on =
        connect(daemon, (const struct sockaddr *)&relay.daemon, sizeof(relay.daemon)) == 0;

    while (goes_on && poll(ends, 2, -1) > 0) {
        if (ends[0].revents)
            goes_on = lead_request(client, daemon);
        if (goes_on && ends[1].revents)
            goes_on = lead_answer(daemon, client);
    }
    (void)close(daemon);
    (void)close(client);
}

static void *relay_run(void *unused)
{
    int client;

    (void)unused;
    while ((client = accept4(relay.listener, NULL, NULL, SOCK_CLOEXEC)) >= 0)
        lead(client);
    return NULL;
}

static void relay_start(const struct daemon *daemon)
{
    relay.daemon.sun_family = relay.address.sun_family = AF_UNIX;
    (void)snprintf(relay.daemon.sun_path, sizeof(relay.daemon.sun_path),
                   "%s/run/libvirt/libvirt-sock", daemon->folder);
    (void)snprintf(relay.address.sun_path, sizeof(relay.address.sun_path), "%s/relay",
                   daemon->folder);
    relay.listener = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    EXPECT_OK(bind(relay.listener, (const struct sockaddr *)&relay.address, sizeof(relay.address)));
    EXPECT_OK(listen(relay.listener, 1));
    EXPECT_OK(pthread_create(&relay.thread, NULL, relay_run, NULL));
}

static void relay_stop(void)
{
    (void)shutdown(relay.listener, SHUT_RDWR);
    (void)pthread_join(relay.thread, NULL);
    (void)close(relay.listener);
}

/* ---- somebody else at the same machine ---- */

/* A machine that is to be switched off is off, and a storage pool that is to be started runs: that
 * was done over this connection since it was looked at. (Not so a start: to libvirt's test driver
 * a machine that runs is no state, as it is to QEMU's, but a failure.)
 */
static virConnectPtr faster;

int virDomainDestroy(virDomainPtr domain)
{
    int (*own)(virDomainPtr);
    virDomainPtr same;

    *(void **)&own = dlsym(RTLD_NEXT, "virDomainDestroy");
    same = faster ? virDomainLookupByUUIDString(faster, UUID) : NULL;
    if (same) {
        EXPECT_OK(own(same));
        (void)virDomainFree(same);
    }
    return own(domain);
}

int virStoragePoolCreate(virStoragePoolPtr pool, unsigned flags)
{
    int (*own)(virStoragePoolPtr, unsigned);
    virStoragePoolPtr same;

    *(void **)&own = dlsym(RTLD_NEXT, "virStoragePoolCreate");
    same = faster ? virStoragePoolLookupByName(faster, STORAGE) : NULL;
    if (same) {
        EXPECT_OK(own(same, flags));
        (void)virStoragePoolFree(same);
    }
    return own(pool, flags);
}

/* What libvirt's test driver lacks, as the drivers of hosts have it. */
virStoragePoolPtr virStoragePoolLookupByTargetPath(virConnectPtr connection, const char *path)
{
    EXPECT_STR(path, "/" STORAGE);
    return virStoragePoolLookupByName(connection, STORAGE);
}

/* ---- the calls ---- */

struct world {
    struct daemon daemon;
    struct out *out; /* nobody listens */
    struct virt_args args;
    char uri[192];
    struct berth_error error; /* of the last call */
    struct virt_result result;
};

static struct world *world_new(void)
{
    struct world *world = berth_new(struct world);
    struct virt_args *args = &world->args;
    FILE *file;

    libvirt_error_setup();
    daemon_start(&world->daemon);
    relay_start(&world->daemon);
    (void)snprintf(world->uri, sizeof(world->uri), "test+unix:///default?socket=%s",
                   relay.address.sun_path);
    world->out = out_new(-1);
    *args = (struct virt_args){ .uuid = UUID,
                                .name = "ward-3-7",
                                .desktop_id = 7,
                                .pool = "ward-3",
                                .storage = STORAGE,
                                .volume = DISK_PREFIX "7.qcow2",
                                .image = "/default-pool/golden.qcow2",
                                .forward_port = 40007,
                                .forward_address = "10.0.0.5",
                                .address = pool_address_FORWARDED,
                                .force = true };
    (void)snprintf(args->template, sizeof(args->template), "%s/template.xml", world->daemon.folder);
    file = fopen(args->template, "we");
    EXPECT(file && fputs(template, file) >= 0 && fclose(file) == 0);
    return world;
}

static void world_free(struct world *world)
{
    relay_stop();
    daemon_stop(&world->daemon);
    out_free(world->out);
    free(world);
}

static int run(struct world *world, virConnectPtr connection, enum virt_call call)
{
    struct virt_request *request = berth_new(struct virt_request);
    int r;

    request->call = call;
    request->args = world->args;
    request->connection = connection;
    request->out = world->out;
    r = virt_request_function(call)(request);
    world->error = request->error;
    world->result = request->result;
    virt_request_free(request);
    return r;
}

static void set_up(struct world *world, enum virt_call call)
{
    EXPECT_OK(run(world, world->daemon.held, call));
}

static void not_there(struct world *world)
{
    set_up(world, VIRT_delete);
}

static void off(struct world *world)
{
    not_there(world);
    set_up(world, VIRT_create);
}

static void on(struct world *world)
{
    off(world);
    set_up(world, VIRT_start);
}

static void not_there_nor_its_storage(struct world *world)
{
    virStoragePoolPtr pool = virStoragePoolLookupByName(world->daemon.held, STORAGE);

    not_there(world);
    EXPECT_OK(virStoragePoolDestroy(pool)); /* libvirt's word for switching it off */
    (void)virStoragePoolFree(pool);
}

/* Somebody made a snapshot: what is written since is in a file above its disk. */
static void on_with_a_layer(struct world *world)
{
    virStoragePoolPtr pool = virStoragePoolLookupByName(world->daemon.held, STORAGE);
    virStorageVolPtr volume = virStorageVolLookupByName(pool, LAYER);
    virDomainPtr domain;

    off(world);
    if (volume) /* the call before had lost it out of sight */
        (void)virStorageVolDelete(volume, 0);
    if (volume)
        (void)virStorageVolFree(volume);
    volume = virStorageVolCreateXML(
        pool,
        "<volume><name>" LAYER "</name><capacity>1</capacity><backingStore><path>/default-pool/"
        "" DISK_PREFIX "7.qcow2</path></backingStore></volume>",
        0);
    EXPECT(volume);
    domain = virDomainDefineXML(
        world->daemon.held,
        "<domain type='test'><name>ward-3-7</name><uuid>" UUID
        "</uuid><memory>1</memory><os><type>hvm</type></os><metadata><b:desktop "
        "xmlns:b='urn:berth:desktop:1' id='7' storage='" STORAGE "' volume='" DISK_PREFIX
        "7.qcow2'/></metadata><devices><disk type='file' device='disk'><source "
        "file='/default-pool/" LAYER "'/><target dev='vda'/></disk></devices></domain>");
    EXPECT(domain);
    (void)virDomainFree(domain);
    (void)virStorageVolFree(volume);
    (void)virStoragePoolFree(pool);
    set_up(world, VIRT_start);
}

typedef void state_fn(struct world *world);

static bool is_same(const struct virt_result *a, const struct virt_result *b)
{
    return a->known == b->known && a->running == b->running && a->capabilities == b->capabilities &&
           strcmp(a->text, b->text) == 0;
}

/* false: the call was through before request `number`. */
static bool loses(struct world *world, enum virt_call call, int number)
{
    virConnectPtr connection = virConnectOpen(world->uri);
    const char *name = virt_call_row(call)->name;
    struct virt_result told;
    bool through;
    int r;

    EXPECT(connection);
    atomic_store(&relay.left, number);
    r = run(world, connection, call);
    if (atomic_exchange(&relay.left, 0) > 0) {
        EXPECT_OK(r);
        EXPECT_INT(virConnectClose(connection), 0);
        return false;
    }
    (void)virConnectClose(connection);
    told = world->result;
    through = r >= 0; /* what was lost did not matter to it */
    if (r < 0 && r != BERTH_E_HOST_DOWN)
        fail_msg("%s, lost at request %d: %s, '%s'", name, number, berth_error_row(r)->symbol,
                 berth_error_text(&world->error));
    r = run(world, world->daemon.held, call);
    /* Lost between the old description and the new one: the broker gives up that machine. */
    if (call == VIRT_refresh && r == BERTH_E_NOT_FOUND)
        EXPECT_OK(run(world, world->daemon.held, VIRT_delete));
    else if (r < 0)
        fail_msg("%s, repeated after it was lost at request %d: '%s'", name, number,
                 berth_error_text(&world->error));
    if (through && !is_same(&told, &world->result))
        fail_msg("%s, lost at request %d: it tells less, and calls that a success", name, number);
    return true;
}

static void lose(state_fn *begin, enum virt_call call, bool with_another)
{
    struct world *world = world_new();
    bool lost = true;

    for (int number = 1; lost; number++) {
        begin(world);
        faster = with_another ? world->daemon.held : NULL;
        lost = loses(world, call, number);
        faster = NULL;
        EXPECT(lost || number > 1);
    }
    world_free(world);
}

TEST(connection_lost, while_a_machine_is_made)
{
    lose(not_there, VIRT_create, false);
}

TEST(connection_lost, while_a_machine_is_started)
{
    lose(off, VIRT_start, false);
}

TEST(connection_lost, while_a_machine_is_switched_off)
{
    lose(on, VIRT_stop, false);
}

TEST(connection_lost, while_a_disk_is_made_anew)
{
    lose(on_with_a_layer, VIRT_refresh, false);
}

TEST(connection_lost, while_a_machine_is_deleted)
{
    lose(on_with_a_layer, VIRT_delete, false);
}

TEST(connection_lost, while_somebody_else_was_faster)
{
    lose(on, VIRT_stop, true);
    lose(not_there_nor_its_storage, VIRT_create, true);
}

TEST(connection_lost, while_a_machine_is_asked_for)
{
    lose(on, VIRT_inspect, false);
    lose(on, VIRT_address, false);
}

TEST(connection_lost, while_a_host_is_asked_what_it_can_do)
{
    lose(not_there, VIRT_open, false);
}

TEST_MAIN()
