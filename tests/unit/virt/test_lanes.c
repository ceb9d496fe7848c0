/* test_lanes.c - calls that hang and return after they were given up, and calls that wait for each
 * other.
 *
 * libvirt's test driver is never slow, so two of its functions are slow here: the ones below stand
 * before libvirt's own.
 */
#include <dlfcn.h>
#include <libvirt/libvirt.h>
#include <poll.h>
#include <pthread.h>
#include <stdatomic.h>
#include <unistd.h>

#include "berth/frame.h"
#include "berth/json.h"
#include "berth/loop.h"

#include "virt/berth-virt/lanes.h"
#include "virt/berth-virt/libvirt_error.h"
#include "virt/berth-virt/out.h"
#include "virt/wire.h"

#include "test.h"

#define UUID "01234567-89ab-4def-8123-456789abcdef"
#define OTHER "01234567-89ab-4def-8123-0000000000aa"

/* ---- a slow hypervisor ---- */

static pthread_mutex_t barrier = PTHREAD_MUTEX_INITIALIZER; /* held: who comes waits */
static atomic_int inside, most_inside, lists;
static char passwords[64];

static void *original(const char *name)
{
    void *found = dlsym(RTLD_NEXT, name);

    EXPECT(found);
    return found;
}

int virConnectListAllDomains(virConnectPtr connection, virDomainPtr **all, unsigned flags)
{
    int (*libvirts)(virConnectPtr, virDomainPtr **, unsigned);

    *(void **)&libvirts = original("virConnectListAllDomains");
    atomic_fetch_add(&lists, 1);
    (void)pthread_mutex_lock(&barrier);
    (void)pthread_mutex_unlock(&barrier);
    return libvirts(connection, all, flags);
}

int virDomainSetUserPassword(virDomainPtr domain, const char *user, const char *password,
                             unsigned flags)
{
    int now = atomic_fetch_add(&inside, 1) + 1;

    (void)domain;
    (void)user;
    (void)flags;
    if (now > atomic_load(&most_inside))
        atomic_store(&most_inside, now);
    (void)pthread_mutex_lock(&barrier);
    (void)strncat(passwords, password, 1);
    (void)pthread_mutex_unlock(&barrier);
    atomic_fetch_sub(&inside, 1);
    return 0;
}

/* ---- berthd's end ---- */

static int ends[2];
static struct out *out;
static struct lanes *lanes;
static struct frame_reader reader;

/* What came, in order: "ID" for an answer, "ID!" for a failure, "WHAT" and "ID:WHAT" for events. */
static char heard[1024];

static int hear(void *context, const char *frame, size_t size)
{
    json_t *json = json_parse(frame, size, WIRE_JSON_DEPTH, NULL);
    const char *what = json_string_value(json_object_get(json_object_get(json, "event"), "what"));
    int id = (int)json_integer_value(json_object_get(json, "id"));
    int of = (int)json_integer_value(json_object_get(json, WIRE_OF));
    size_t have = strlen(heard);

    (void)context;
    if (what && of)
        (void)snprintf(heard + have, sizeof(heard) - have, "%d:%s ", of, what);
    else if (what)
        (void)snprintf(heard + have, sizeof(heard) - have, "%s ", what);
    else
        (void)snprintf(heard + have, sizeof(heard) - have, "%d%s ", id,
                       json_object_get(json, "error") ? "!" : "");
    json_decref(json);
    return 0;
}

/* Read what is there, and look after the lanes as main.c does. */
static void turn(void)
{
    static char bytes[65536];
    struct pollfd end = { .fd = ends[0], .events = POLLIN };
    ssize_t size;

    EXPECT(lanes_watch(lanes));
    if (poll(&end, 1, 20) != 1)
        return;
    size = read(ends[0], bytes, sizeof(bytes));
    EXPECT(size > 0 && frame_feed(&reader, bytes, (size_t)size, hear, NULL, NULL) >= 0);
}

static void until(const char *wanted)
{
    int64_t limit_ms = clock_mono_ms() + test_wait_limit_ms();

    while (!strstr(heard, wanted) && clock_mono_ms() < limit_ms)
        turn();
    if (!strstr(heard, wanted))
        fail_msg("'%s' was not heard, but: %s", wanted, heard);
}

static void give(uint64_t id, enum virt_call call, const char *uuid, const char *secret)
{
    struct virt_request *request = berth_new(struct virt_request);

    request->id = id;
    request->call = call;
    (void)snprintf(request->args.uri, sizeof(request->args.uri), "test:///default");
    (void)snprintf(request->args.uuid, sizeof(request->args.uuid), "%s", uuid);
    if (secret)
        EXPECT(secret_set(&request->args.secret, secret, strlen(secret)));
    lanes_submit(lanes, request);
}

/* By a connection of our own: the driver of "test:///default" is one per process. */
static void define(const char *uuid)
{
    virConnectPtr connection = virConnectOpen("test:///default");
    virDomainPtr domain;
    char xml[512];

    (void)snprintf(
        xml, sizeof(xml),
        "<domain type='test'><name>%s</name><uuid>%s</uuid><memory>1</memory><os><type>hvm"
        "</type></os><metadata><b:desktop xmlns:b='urn:berth:desktop:1' id='7'/></metadata>"
        "</domain>",
        uuid, uuid);
    domain = virDomainDefineXML(connection, xml);
    EXPECT(domain && (virDomainIsActive(domain) == 1 || virDomainCreate(domain) == 0));
    (void)virDomainFree(domain);
    (void)virConnectClose(connection);
}

/* libvirt's event loop is one per process: the tests share what it serves. */
static void begin(void)
{
    heard[0] = passwords[0] = '\0';
    if (lanes)
        return;
    libvirt_error_setup();
    EXPECT_OK(pipe(ends));
    frame_reader_init(&reader, FRAME_MAX);
    out = out_new(ends[1]);
    lanes = lanes_new(hypervisor_new(out), out);
    give(1, VIRT_open, "", NULL);
    until("1 ");
    until("open ");
}

TEST(lanes, a_list_that_comes_back_late_neither_deafens_nor_speaks)
{
    begin();
    define(UUID);
    until("started ");
    heard[0] = '\0';
    (void)pthread_mutex_lock(&barrier);
    give(2, VIRT_list, "", NULL);
    (void)UNTIL(atomic_load(&lists), turn());
    define(OTHER); /* waits for the end of the list, and is released when that is given up */
    until("started ");
    EXPECT_STR(heard, "defined started ");
    (void)pthread_mutex_unlock(&barrier);

    /* The next list waits behind nothing, and only its own machines are told. */
    give(3, VIRT_list, "", NULL);
    until("3 ");
    EXPECT_STR(heard, "defined started 3:listed 3:listed 3 ");
    for (int round = 0; round < 2; round++) {
        virConnectPtr connection = virConnectOpen("test:///default");
        virDomainPtr domain = virDomainLookupByUUIDString(connection, round ? UUID : OTHER);

        heard[0] = '\0';
        EXPECT_OK(virDomainDestroy(domain));
        until("stopped ");
        (void)virDomainFree(domain);
        (void)virConnectClose(connection);
    }
}

TEST(lanes, of_two_passwords_the_later_one_stays)
{
    begin();
    define(UUID);
    (void)pthread_mutex_lock(&barrier);
    give(4, VIRT_password, UUID, "a");
    give(5, VIRT_password, UUID, "b");
    give(6, VIRT_password, UUID, "c");
    (void)UNTIL(atomic_load(&inside), turn());
    for (int i = 0; i < 25; i++)
        turn(); /* a call that does not wait for its turn has begun by now */
    (void)pthread_mutex_unlock(&barrier);
    until("6 ");
    EXPECT_STR(passwords, "abc");
    EXPECT_INT(most_inside, 1);
}

static void ask_the_tenth(void)
{
    heard[0] = '\0';
    give(10, VIRT_password, UUID, "d");
    until("10");
}

TEST(lanes, what_waited_beyond_its_limit_is_never_begun)
{
    begin();
    (void)pthread_mutex_lock(&barrier);
    give(7, VIRT_password, UUID, "a");
    (void)UNTIL(atomic_load(&inside), turn());
    give(8, VIRT_password, UUID, "b");
    until("8! "); /* not begun, and said before its limit passes */
    give(9, VIRT_password, UUID,
         "c"); /* the first is given up meanwhile: it might overtake this one */
    until("9! ");
    (void)pthread_mutex_unlock(&barrier);
    ask_the_tenth();
    (void)UNTIL(!strstr(heard, "10! "), ask_the_tenth()); /* the lane of the first has ended */
    EXPECT_STR(passwords, "ad");
}

TEST_MAIN()
