/*
 * page_mark: small signs of pages: verdicts as shapes, keys of colours. Shape and colour say
 * the same, so that the colour-blind and the grey printer lose nothing.
 */
#ifndef PIPELINE_LIB_PAGE_MARK_H
#define PIPELINE_LIB_PAGE_MARK_H

#include "base/result.h"
#include "pipeline/lib/page_picture.h"

/** A green disc with a tick, an amber triangle with "!", or a red octagon with a cross. */
void mark_verdict(struct page *page, struct page_point centre, double size_px,
                  enum verdict verdict);
/** The colour that goes with verdict. */
uint32_t mark_verdict_rgb(enum verdict verdict);

/** A colour bar with numbers and unit. Where rect, that of the colours, is higher than wide it
 * stands upright, hi at the top, numbers at its right and the unit above; else it lies, hi at
 * the right, numbers below and the unit behind it. */
void mark_colour_bar(struct page *page, struct page_rect rect, struct picture_scale scale,
                     const char *unit);

#endif
