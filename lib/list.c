/* list.c - taking nodes out.
 *
 * Not inline: an analyser that looks into it cannot see that a freed object's neighbours no longer
 * point to it, and takes every loop that empties a list for a use after free.
 */
#include "berth/list.h"

struct list *list_shift(struct list *head)
{
    struct list *node = head->next;

    if (node == head)
        return NULL;
    list_remove(node);
    return node;
}
