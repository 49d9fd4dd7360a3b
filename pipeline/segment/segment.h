/*
 * segment: the analysis that any segmentation card is: one series in, masks and volumes out.
 *
 * Order: sort the series into slices, look at its values, run the network over it, bring its
 * answer back to the source's grid, clean and measure the masks, draw a page. What the card
 * does not vouch for (another modality, gaps, few or thick slices, impossible values, a volume
 * outside the plausible) is refused with the reason. docs/adding-a-model.md.
 *
 * Memory: tile_bytes() for the network's grid, a byte a source voxel for the labels and one
 * for each label's mask, six more while parts of a label are dropped, a few planes; segment_bytes() is compared with the job's bound before
 * anything large is allocated.
 */
#ifndef PIPELINE_SEGMENT_SEGMENT_H
#define PIPELINE_SEGMENT_SEGMENT_H

#include "pipeline/lib/card.h"
#include "pipeline/pipeline.h"

/** The analysis that card makes; card must outlive it. */
struct pipeline_def segment_pipeline(const struct card *card);

/** Contract of pipeline_def.card_wants: the series that fits the card best, thinnest first. */
bool segment_wants(const struct card *card, const struct study_facts *study,
                   struct pipeline_want *ret);

#endif
