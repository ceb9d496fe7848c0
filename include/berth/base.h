/* base.h - macros, allocation and attributes that every file of Berth may use.
 *
 * Module shared: no I/O, no state. The only place where statement expressions are allowed.
 */
#ifndef BERTH_BASE_H
#define BERTH_BASE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#define berth_must_check __attribute__((warn_unused_result))
#define berth_printf(text, first) __attribute__((format(printf, text, first)))
#define berth_cleanup(function) __attribute__((cleanup(function)))
#define berth_unused __attribute__((unused))
#define berth_noreturn __attribute__((noreturn))
/* For a large local variable that is filled before it is read: the release build, which zeroes all
 * others at their declaration (-ftrivial-auto-var-init), leaves it alone.
 */
#if defined(__has_attribute) && __has_attribute(uninitialized)
#define berth_unset __attribute__((uninitialized))
#else
#define berth_unset
#endif

/* Number of elements of a true array; a pointer does not compile: the type of an array is not that
 * of a pointer to its first element. */
#define BERTH_SAME_TYPE(a, b) __builtin_types_compatible_p(__typeof__(a), __typeof__(b))
#define BERTH_REFUSE_POINTER(array) (0 * sizeof(char[BERTH_SAME_TYPE(array, &(array)[0]) ? -1 : 1]))
#define BERTH_COUNT(array) (sizeof(array) / sizeof((array)[0]) + BERTH_REFUSE_POINTER(array))

/* The object whose member `member` is at `pointer`. */
#define container_of(pointer, type, member) \
    ((type *)(void *)((char *)(pointer)-offsetof(type, member)))

/* Move a pointer out of a variable and set the variable to NULL: `*ret = berth_take(object)`. */
#define berth_take(pointer)                     \
    ({                                          \
        __typeof__(pointer) taken_ = (pointer); \
        (pointer) = NULL;                       \
        taken_;                                 \
    })

/* Zeroed memory. Out of memory ends the program with a message: nothing that was acknowledged is
 * lost, and desktops that are shown stay on their screens. The caller caps sizes that a peer
 * influences. No alloc_size attribute: mailboxes allocate only the part of a struct msg that its
 * type uses, and a compiler that knew the size would warn about the rest.
 */
void *berth_alloc(size_t size) __attribute__((malloc, returns_nonnull));
void *berth_realloc(void *old, size_t size) __attribute__((alloc_size(2), returns_nonnull));
/* Copy as much of `text` as fits and terminate it with a NUL: as snprintf("%s"), but cheaper. */
void berth_copy_text(char *out, size_t size, const char *text);

/* The same into a true array: copy_text(row->name, name). */
#define copy_text(array, text) berth_copy_text((array), BERTH_COUNT(array), (text))

/* A copy to free with free(). */
char *berth_strdup(const char *text) __attribute__((malloc, returns_nonnull));

/* End the program as berth_alloc does: for libraries that report that they are out of memory. */
berth_noreturn void berth_out_of_memory(void);

#define berth_new(type) ((type *)berth_alloc(sizeof(type)))
#define berth_new_array(type, count) ((type *)berth_alloc_array((count), sizeof(type)))

/* As berth_alloc for count * size; an overflow of the product ends the program. */
void *berth_alloc_array(size_t count, size_t size) __attribute__((malloc, returns_nonnull));

/* For berth_cleanup: free what the variable points to. */
void berth_freep(void *pointer_to_pointer);

/* Wipe, then free. NULL is fine. */
void berth_wipe_free(void *memory, size_t size);

#define BERTH_VERSION "0.1.0"

#endif
