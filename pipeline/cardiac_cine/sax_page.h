/* sax_page: what the pages of cardiac cine share; private to the folder. */
#ifndef PIPELINE_CARDIAC_CINE_SAX_PAGE_H
#define PIPELINE_CARDIAC_CINE_SAX_PAGE_H

#include "pipeline/cardiac_cine/sax_job.h"
#include "pipeline/lib/page_mark.h"

#define SAX_PAGE_WIDTH  1600
#define SAX_PAGE_HEIGHT 1200
#define SAX_MARGIN      28.0
#define SAX_TOP         104.0
#define SAX_BOTTOM      1152.0

#define SAX_BACK_RGB  0x0b0e12
#define SAX_TEXT_RGB  0xf2f4f6
#define SAX_DIM_RGB   0xa9b3bd
#define SAX_PANEL_RGB 0x171c22
#define SAX_ENDO_RGB  0xff5a5a
#define SAX_EPI_RGB   0x4fd6a0
#define SAX_CURVE_RGB 0x5aaaff

/** A page with header and footer. Errors: as page_create(). */
int sax_page_begin(const struct sax_job *job, struct page **ret, struct err *err);
/** Rows of checks, the gravest first, in rect; those without room are counted. */
void sax_page_checks(const struct sax_job *job, struct page *page, struct page_rect rect);
/** Basal, mid-ventricular and apical slices at ED and ES with their outlines. */
void sax_page_slices(const struct sax_job *job, struct page *page, struct page_rect rect);
/** Thickening by sectors. */
void sax_page_sectors(const struct sax_job *job, struct page *page,
                      struct page_rect rect);
/** The table of numbers with normal values. Returns where it ends. */
double sax_page_numbers(const struct sax_job *job, struct page *page,
                        struct page_rect rect);

#endif
