#include "src/places.h"

#include "base/err.h"

#include <math.h>
#include <stdlib.h>

static const double SAME_MM = 0.055; // closer positions are one slice; told to 0.01 mm
enum { PLACES_MAX = 200000 };        // of a series: what is beyond is no study

int places_add(struct place_list *places, const struct stack_facts *stack,
               struct err *err)
{
    const int steps = stack->positions > 1 ? stack->positions - 1 : 1;
    for (int i = 0; i < stack->positions && places->count < PLACES_MAX; i++) {
        double *place = place_list_add(places);
        if (!place)
            return err_set(err, ERR_NOMEM, "%zu slice positions", places->count);
        const double mm =
            stack->first_mm + (stack->last_mm - stack->first_mm) * i / steps;
        *place = round(mm * 100.0) / 100.0; // as the index has them
    }
    return 0;
}

static int by_size(const void *a, const void *b)
{
    const double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

void places_tell(struct place_list *places, struct series_facts *series)
{
    series->positions = 0;
    if (places->count == 0)
        return;
    qsort(places->items, places->count, sizeof(*places->items), by_size);
    for (size_t i = 0; i < places->count; i++)
        series->positions += i == 0 || places->items[i] - places->items[i - 1] > SAME_MM;
    series->first_mm = places->items[0];
    series->last_mm = places->items[places->count - 1];
}
