/* memory.c - replace the allocators of OpenSSL, libuv and jansson. */
#include "berth/memory.h"

#include <jansson.h>
#include <openssl/crypto.h>
#include <stdlib.h>
#include <uv.h>

#include "berth/base.h"

static void *or_out_of_memory(void *memory, size_t size)
{
    if (!memory && size > 0)
        berth_out_of_memory();
    return memory;
}

static void *take(size_t size)
{
    return or_out_of_memory(malloc(size), size);
}

static void *take_again(void *old, size_t size)
{
    return or_out_of_memory(realloc(old, size), size);
}

static void *take_zeroed(size_t count, size_t size)
{
    return or_out_of_memory(calloc(count, size), count && size);
}

static void *take_for_crypto(size_t size, berth_unused const char *file, berth_unused int line)
{
    return size ? take(size) : NULL;
}

static void *take_again_for_crypto(void *old, size_t size, berth_unused const char *file,
                                   berth_unused int line)
{
    if (size == 0) {
        free(old);
        return NULL;
    }
    return take_again(old, size);
}

static void give_back_of_crypto(void *memory, berth_unused const char *file, berth_unused int line)
{
    free(memory);
}

void memory_guard_libraries(void)
{
    /* Fails only when memory was allocated before; then the library keeps its own allocator. */
    (void)CRYPTO_set_mem_functions(take_for_crypto, take_again_for_crypto, give_back_of_crypto);
    (void)uv_replace_allocator(take, take_again, take_zeroed, free);
    json_set_alloc_funcs(take, free);
}
