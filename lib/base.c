/* base.c - allocation that ends the program when memory runs out. */
#include "berth/base.h"

#include <string.h>
#include <unistd.h>

/* Plain write(2): formatting would need memory. */
void berth_out_of_memory(void)
{
    static const char sentence[] = "berth: out of memory; exiting, nothing acknowledged is lost\n";

    (void)!write(STDERR_FILENO, sentence, sizeof(sentence) - 1);
    _exit(70);
}

void *berth_alloc(size_t size)
{
    void *memory = calloc(1, size ? size : 1);

    if (!memory)
        berth_out_of_memory();
    return memory;
}

void *berth_alloc_array(size_t count, size_t size)
{
    size_t product;

    if (__builtin_mul_overflow(count, size, &product))
        berth_out_of_memory();
    return berth_alloc(product);
}

void *berth_realloc(void *old, size_t size)
{
    void *memory = realloc(old, size ? size : 1);

    if (!memory)
        berth_out_of_memory();
    return memory;
}

void berth_copy_text(char *out, size_t size, const char *text)
{
    size_t length;

    if (size == 0)
        return;
    length = strnlen(text, size - 1);
    memcpy(out, text, length);
    out[length] = '\0';
}

char *berth_strdup(const char *text)
{
    size_t size = strlen(text) + 1;

    return memcpy(berth_alloc(size), text, size);
}

void berth_freep(void *pointer_to_pointer)
{
    void *memory;

    memcpy(&memory, pointer_to_pointer, sizeof(memory));
    free(memory);
}

void berth_wipe_free(void *memory, size_t size)
{
    if (memory)
        explicit_bzero(memory, size);
    free(memory);
}
