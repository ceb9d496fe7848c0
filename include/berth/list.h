/* list.h - intrusive doubly linked lists.
 *
 * Module shared. A node lives inside its object; an empty list is a head that points to itself, and
 * a node outside any list does the same, so that taking it out twice is harmless.
 */
#ifndef BERTH_LIST_H
#define BERTH_LIST_H

#include "berth/base.h"

struct list {
    struct list *next;
    struct list *prev;
};

static inline void list_init(struct list *node)
{
    node->next = node;
    node->prev = node;
}

static inline bool list_empty(const struct list *head)
{
    return head->next == head;
}

/* Is this node in a list? */
static inline bool list_linked(const struct list *node)
{
    return node->next != node;
}

static inline void list_append(struct list *head, struct list *node)
{
    node->prev = head->prev;
    node->next = head;
    head->prev->next = node;
    head->prev = node;
}

static inline void list_prepend(struct list *head, struct list *node)
{
    list_append(head->next, node);
}

static inline void list_remove(struct list *node)
{
    node->prev->next = node->next;
    node->next->prev = node->prev;
    list_init(node);
}

/* First node taken out, or NULL. */
struct list *list_shift(struct list *head);

#define list_entry(node, type, member) container_of(node, type, member)

/* Iterate; the body may remove the current node, but no other. */
#define list_each(head, node)                                                         \
    for (struct list *node = (head)->next, *node##_next = node->next; node != (head); \
         node = node##_next, node##_next = node->next)

#endif
