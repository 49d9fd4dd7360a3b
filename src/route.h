/*
 * route: the life of a job as a table of hops, read from top to bottom.
 *
 * A hop starts something and returns; what it started calls route_next() on the loop when it
 * is done, with an err whose code is 0 when it went well. A hop that fails sends the job to
 * the table's last entry, which ends it. Loop-only.
 */
#ifndef SRC_ROUTE_H
#define SRC_ROUTE_H

struct err;

enum where { NOWHERE, ON_LOOP, ON_STORE, ON_WORKER };

struct hop {
    enum where where; // whom it waits for; NOWHERE ends the table
    const char *name; // in logs and status
    void (*start)(void *job,
                  const struct err *err); // err: why the last one failed, else code 0
};

struct route {
    const struct hop *hops;
    int at; // the hop that is under way
    void *job;
};

/** Start the first hop. */
void route_start(struct route *route, const struct hop *hops, void *job);
/** The hop under way has ended so: start the next one, or the last one after a failure. */
void route_next(struct route *route, const struct err *err);
/** The name of the hop under way. */
const char *route_name(const struct route *route);

#endif
