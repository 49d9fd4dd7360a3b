/*
 * scan_groups: what the functional groups of an Enhanced object say of its frames (PS3.3
 * C.7.6.16). Private to scan.
 *
 * An attribute stands in the shared groups or in those of each frame; the frame's own wins.
 */
#ifndef SCP_SCAN_GROUPS_H
#define SCP_SCAN_GROUPS_H

#include "base/facts.h"
#include "scp/scan.h"
#include "scp/scan_value.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct err;
struct group_item;

struct scan_groups {
    struct group_item *items; // [count + 1]: the shared ones, then frame by frame
    size_t count, room, frames_max;
    bool is_shared;             // the item that is open is the shared one
    char body_part[FACTS_CODE]; // Anatomic Region of the frames
};

enum { GROUPS_SHARED = 0x52009229, GROUPS_OF_FRAME = 0x52009230 };

void scan_groups_finish(struct scan_groups *groups);

/** An item of the sequence tag (one of the above) begins. Errors: ERR_LIMIT, ERR_NOMEM. */
int scan_groups_begin(struct scan_groups *groups, uint32_t tag, struct err *err);
/** Note the value of tag within an item of the group's sequence, if it is wanted. */
void scan_groups_keep(struct scan_groups *groups, uint32_t sequence, uint32_t tag,
                      struct scan_value value);

/**
 * Fill what groups say into facts, whose top level is filled already: plane, time and stack
 * of all frames, rescale of the first. Without groups for every frame nothing is valid.
 *
 * duration_s  Acquisition Duration, NAN without: frames of several temporal positions that
 *             bear one time (Philips) are spread over it
 * ret         [ret_count] when not NULL: to be freed
 *
 * Errors: ERR_NOMEM.
 */
int scan_groups_apply(const struct scan_groups *groups, double duration_s,
                      struct instance_facts *facts, struct frame_facts **ret,
                      size_t *ret_count, struct err *err);

/** The stack of a classic image: one frame. */
void scan_stack_of_one(struct instance_facts *facts);

#endif
