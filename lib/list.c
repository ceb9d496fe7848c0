/* list.c - remove the first node.
 *
 * Not inline: a static analyser that sees the body does not understand that the neighbours of a
 * freed node no longer point to it, and reports every loop that empties a list as a use after free.
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
