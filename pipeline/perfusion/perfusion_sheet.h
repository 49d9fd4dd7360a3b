/*
 * perfusion_sheet: what the pages of one perfusion study share: the order and orientation of
 * its slices, header and footer, tiles with anatomy and marks. Between perfusion_pages.c and
 * the files that draw one page each; not for others.
 */
#ifndef PIPELINE_PERFUSION_PERFUSION_SHEET_H
#define PIPELINE_PERFUSION_PERFUSION_SHEET_H

#include "pipeline/lib/page_mark.h"
#include "pipeline/perfusion/perfusion_pages.h"

#define SHEET_MARGIN 28.0
#define SHEET_TOP    110.0  // below the header
#define SHEET_BOTTOM 1148.0 // above the footer

#define SHEET_BACKGROUND_RGB 0x0b0e12
#define SHEET_TEXT_RGB       0xf2f4f6
#define SHEET_DIM_RGB        0xa9b3bd
#define SHEET_PANEL_RGB      0x171c22
#define SHEET_CORE_RGB       0xff3da6
#define SHEET_HYPO_RGB       0x35d45f
#define SHEET_AIF_RGB        0xff6a5c
#define SHEET_VOF_RGB        0x5aaaff
#define SHEET_DISCORDANT_RGB 0xffd54a
#define SHEET_WARN_PANEL_RGB 0x2b2415

/* Of each threshold, from the mildest; that of core and of hypo are the colours above. */
extern const uint32_t SHEET_TMAX_RGB[PERFUSION_LEVELS], SHEET_RCBF_RGB[PERFUSION_LEVELS];

/** A view as it lies on the page. */
struct sheet {
    const struct perfusion_view *view;             // borrowed
    size_t *order;                                 // [nz] slices from foot to head
    bool flip_x, flip_y;                           // to radiological orientation
    const char *mark_left, *mark_right, *mark_top; // "R", "L", "A"
    int axis;                    // of LPS that the slices are stacked along, mostly
    struct page_rect crop;       // of every slice: what holds the brain
    double aspect;               // height / width of crop, mm
    float window_lo, window_hi;  // of the anatomy
    size_t source_slices, group; // slices of the study, and how many are shown as one
};

/** Equal places in rows and columns. */
struct sheet_tiles {
    size_t columns, rows;
    double x, y, w, h, gap;
};

/** Lay view out; it must outlive the sheet. Errors: ERR_NOMEM. */
int sheet_create(const struct perfusion_view *view, size_t source_slices, size_t group,
                 struct sheet **ret, struct err *err);
/** Free sheet; NULL is allowed. */
void sheet_destroy(struct sheet *sheet);

/** A page with header and footer, empty between them. Errors: as page_create(). */
int sheet_begin(const struct sheet *sheet, const char *name, const char *label,
                struct page **ret, struct err *err);

/** The largest tiles of that height / width, n of them, that fit in area: in the middle of
 * its width, from its top. */
struct sheet_tiles sheet_tiles_fit(struct page_rect area, size_t n, double aspect);
/** Where the i-th tile lies. */
struct page_rect sheet_tile_rect(const struct sheet_tiles *tiles, size_t i);

/** How slices land in rect. */
struct page_place sheet_place(const struct sheet *sheet, struct page_rect rect);
/** Draw the anatomy of slice z (of the grid). */
void sheet_draw_anatomy(const struct sheet *sheet, struct page *page,
                        const struct page_place *place, size_t z);
/** Write the number and position of slice z and the sides R and L over its tile. */
void sheet_draw_labels(const struct sheet *sheet, struct page *page,
                       struct page_rect rect, size_t i);
/** Draw the midline of slice z, dashed, if the view has one. */
void sheet_draw_midline(const struct sheet *sheet, struct page *page,
                        const struct page_place *place, size_t z);
/** Plane z of an array [nz][ny][nx]. */
const uint8_t *sheet_mask(const struct sheet *sheet, const uint8_t *mask, size_t z);
const float *sheet_values(const struct sheet *sheet, const float *values, size_t z);

/** "20.9", "124", "-" for NAN: three digits that count. */
void sheet_format(double value, char ret[32]);
/** "low_cardiac_output", "aif_shape" as people write it: "Low cardiac output", "AIF shape". */
void sheet_name_check(const char *check, char ret[64]);

AUTO_DEFINE(sheet)

/** Draw header and footer. slices: of the study; group: how many are shown as one. */
void perfusion_draw_frame(const struct perfusion_view *view, const char *label,
                          size_t slices, size_t group, struct page *page);
/** Draw the table of checks with verdict and text, in rows that fit in rect. */
void perfusion_draw_checks(const struct perfusion_view *view, struct page *page,
                           struct page_rect rect);

/** Draw the curves of artery and vein. */
void sheet_draw_bolus(const struct perfusion_view *view, struct page *page,
                      struct page_rect rect);
/** Draw how the head moved. */
void sheet_draw_motion(const struct perfusion_view *view, struct page *page,
                       struct page_rect rect);

/** A parameter that has a page of its own. */
struct perfusion_map {
    const char *name, *label, *unit; // "cbf", "CBF: cerebral blood flow", "ml/100 g/min"
    const float *voxels;             // [nz][ny][nx]
    double hi;                       // top of its colours
};

/* One page each; perfusion_pages.c calls them. Errors: as page_create(). */
int perfusion_draw_summary(const struct sheet *sheet, struct page **ret, struct err *err);
int perfusion_draw_levels(const struct sheet *sheet, struct page **ret, struct err *err);
int perfusion_draw_map(const struct sheet *sheet, const struct perfusion_map *map,
                       struct page **ret, struct err *err);
int perfusion_draw_quality(const struct sheet *sheet, struct page **ret, struct err *err);
int perfusion_draw_refusal(const struct perfusion_view *view, struct page **ret,
                           struct err *err);

#endif
