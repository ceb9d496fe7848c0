/* fuzz_x224.c - answers to an X.224 connection request, whole and cut at every place. */
#include <string.h>

#include "rdp/x224.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct x224_confirm confirm = { 0 };
    struct berth_error error = { 0 };
    int last = 0;

    if (size > X224_CONFIRM_MAX)
        size = X224_CONFIRM_MAX; /* the probe keeps no more */
    for (size_t some = 0; some <= size; some++) {
        /* Of exactly this size, so that a read beyond it is seen. */
        uint8_t *copy = berth_alloc(some + 1);
        int r;

        memcpy(copy + 1, data, some);
        r = x224_read(copy + 1, some, &confirm, &error);
        free(copy);
        if (r == 1 && confirm.size > some)
            abort(); /* whole, but made of bytes that did not come yet */
        if (last < 0 && r >= 0)
            abort(); /* more bytes cannot make a wrong beginning right */
        last = r;
    }
    return 0;
}
