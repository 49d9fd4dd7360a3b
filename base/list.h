/*
 * list: a growing array of one element type.
 *
 *     LIST_DEFINE(check_list, struct result_check)
 *
 * defines struct check_list {items, count, room} with check_list_add(), which returns the
 * new zeroed element or NULL when there is no memory, and check_list_finish(), which frees
 * the array (not what the elements own). A list of zero bytes is an empty list.
 */
#ifndef BASE_LIST_H
#define BASE_LIST_H

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#define LIST_DEFINE(name, type)                                                      \
    struct name {                                                                    \
        type *items;                                                                 \
        size_t count, room;                                                          \
    };                                                                               \
    __attribute__((unused)) static inline type *name##_add(struct name *list)        \
    {                                                                                \
        if (list->count == list->room) {                                             \
            size_t room = list->room ? list->room * 2 : 8;                           \
            if (room > SIZE_MAX / sizeof(type))                                      \
                return NULL;                                                         \
            type *items = (type *)realloc((void *)list->items, room * sizeof(type)); \
            if (!items)                                                              \
                return NULL;                                                         \
            list->items = items;                                                     \
            list->room = room;                                                       \
        }                                                                            \
        type *item = &list->items[list->count++];                                    \
        memset((void *)item, 0, sizeof(*item));                                      \
        return item;                                                                 \
    }                                                                                \
    __attribute__((unused)) static inline void name##_finish(struct name *list)      \
    {                                                                                \
        free((void *)list->items);                                                   \
        memset(list, 0, sizeof(*list));                                              \
    }

#endif
