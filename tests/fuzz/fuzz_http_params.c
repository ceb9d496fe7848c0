/* fuzz_http_params.c - hostile HTTP paths and bodies: parsed, routed, checked, decoded.
 *
 * Input: one byte for the method, the target up to a line feed, the body. Everything behind the
 * HTTP library and before a verb's own body runs here, on a core with a few rows.
 */
#include <string.h>

#include "api/api_internal.h"

#include "random_seeded.h"

static struct berth_timers timers;
static struct berth_random dice;
static struct context context;
static struct api api;

static void load(enum entity_kind kind, const void *row)
{
    struct berth_error error = { 0 };

    if (core_load(context.core, kind, row, &error) < 0)
        abort();
}

int LLVMFuzzerInitialize(int *argc, char ***argv);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerInitialize(int *argc, char ***argv)
{
    struct row_site site = { .id = 1, .version = 1, .name = "here" };
    struct row_image image = { .id = 2, .version = 1, .name = "debian" };
    struct row_pool pool = { .id = 3, .version = 1, .name = "ward-3", .kind = pool_kind_FLOATING };
    struct row_user user = { .id = 4, .version = 1, .name = "eve", .kind = user_kind_PERSON };

    (void)argc;
    (void)argv;
    timers_init(&timers, 1000, 1700000000000);
    random_seeded(&dice, 1);
    context.core = core_new(&timers, &dice);
    context.timers = &timers;
    api.context = &context;
    load(ENTITY_site, &site);
    load(ENTITY_image, &image);
    load(ENTITY_pool, &pool);
    load(ENTITY_user, &user);
    return 0;
}

static void release(struct request *request)
{
    if (request->params)
        record_wipe(request->verb->params, request->params);
    free(request->params);
    free(request->row);
    free(request->target);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct request request = { .api = &api, .caller.see = SEE_MASK_ALL };
    struct berth_error error = { 0 };
    const uint8_t *end;
    char target[TARGET_MAX + 64];
    unsigned allowed;
    size_t length;

    if (size < 2)
        return 0;
    end = memchr(data + 1, '\n', size - 1);
    length = end ? (size_t)(end - data) - 1 : size - 1;
    if (length >= sizeof(target) || memchr(data + 1, '\0', length))
        return 0; /* the library ends a target at NUL and at its own limit */
    memcpy(target, data + 1, length);
    target[length] = '\0';

    request.target = berth_new(struct target);
    if (target_parse(target, request.target, &error) == 0)
        request.verb = verb_route((enum verb_method)(data[0] % 4), request.target->segment,
                                  request.target->segments, request.brace, &allowed);
    if (request.verb) {
        char *body = NULL;

        request.body_size = end ? size - length - 2 : 0;
        if (request.body_size) {
            body = (char *)berth_alloc(request.body_size);
            memcpy(body, end + 1, request.body_size);
        }
        request.body = body;
        if (input_read(&request, &error) < 0 && !error.text[0])
            abort(); /* every refusal has its sentence */
        free(body);
    }
    release(&request);
    return 0;
}
