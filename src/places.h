/*
 * places: the slice positions of a series, from those of its instances.
 *
 * Of an Enhanced object the index knows how many positions it has and the first and last: they
 * are taken to be even, and those of several objects are laid over each other.
 */
#ifndef SRC_PLACES_H
#define SRC_PLACES_H

#include "base/facts.h"
#include "base/list.h"

struct err;

LIST_DEFINE(place_list, double) // mm along the normal; a list of zero bytes is empty

/** Add what an instance has. Errors: ERR_NOMEM. */
int places_add(struct place_list *places, const struct stack_facts *stack,
               struct err *err);
/** Fill positions, first_mm and last_mm of series; sorts places. */
void places_tell(struct place_list *places, struct series_facts *series);

#endif
