/* Intrusive doubly linked list. A link that is in no list points at itself, so removing it twice
 * is harmless; a link must be initialised before its first use. */
#ifndef PROCTRACK_LIST_H
#define PROCTRACK_LIST_H

#include <stdbool.h>
#include <stddef.h>

#define container_of(pointer, type, member) ((type *)((char *)(pointer)-offsetof(type, member)))

struct list_link {
    struct list_link *prev, *next;
};

static inline void list_init(struct list_link *link)
{
    link->prev = link->next = link;
}

static inline bool list_is_empty(const struct list_link *list)
{
    return list->next == list;
}

static inline void list_append(struct list_link *list, struct list_link *link)
{
    link->prev = list->prev;
    link->next = list;
    list->prev->next = link;
    list->prev = link;
}

static inline void list_remove(struct list_link *link)
{
    link->prev->next = link->next;
    link->next->prev = link->prev;
    list_init(link);
}

/* The first link, removed from the list; NULL when the list is empty. */
static inline struct list_link *list_pop(struct list_link *list)
{
    struct list_link *first = list->next;
    if (first == list)
        return NULL;
    list_remove(first);
    return first;
}

/* Moves all links to a list that need not have been initialised. */
static inline void list_take_all(struct list_link *from, struct list_link *ret_to)
{
    struct list_link *link;
    list_init(ret_to);
    while ((link = list_pop(from)) != NULL)
        list_append(ret_to, link);
}

#define list_for_each(link, list) \
    for (struct list_link *link = (list)->next; link != (list); link = link->next)

/* As list_for_each, but the current link may be removed. */
#define list_for_each_safe(link, list)                                                     \
    for (struct list_link *link = (list)->next, *link##_next = link->next; link != (list); \
         link = link##_next, link##_next = link->next)

#endif
