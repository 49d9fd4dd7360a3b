#include "base/series.h"

#include <assert.h>
#include <stdlib.h>

int series_read_frame(const struct series *series, size_t frame, float *dst,
                      struct err *err)
{
    assert(frame < series->frame_count || frame < series->all_count);
    return series->read(series, frame, dst, err);
}

void series_destroy(struct series *series)
{
    if (!series)
        return;
    if (series->finish)
        series->finish(series);
    free(series->frames);
    free(series->series_uids);
    free(series);
}
