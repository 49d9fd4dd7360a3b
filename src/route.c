#include "src/route.h"

#include "base/err.h"

#include <assert.h>

static int last(const struct hop *hops)
{
    int i = 0;
    while (hops[i + 1].where != NOWHERE)
        i++;
    return i;
}

void route_start(struct route *route, const struct hop *hops, void *job)
{
    static const struct err FINE = {0};
    *route = (struct route){hops, 0, job};
    hops[0].start(job, &FINE);
}

void route_next(struct route *route, const struct err *err)
{
    const int end = last(route->hops);
    assert(route->at < end); // the last hop ends the job and calls nobody
    route->at = err->code < 0 ? end : route->at + 1;
    route->hops[route->at].start(route->job, err);
}

const char *route_name(const struct route *route)
{
    return route->hops[route->at].name;
}
