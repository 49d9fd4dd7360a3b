/*
 * perfusion_pages: the pages that a physician looks at, drawn from what was found.
 *
 * Knows how stroke teams read perfusion: core in magenta and Tmax > 6 s in green over the
 * anatomy, volumes in large type, conventional colours. Computes nothing that could differ
 * from the report: every number on a page is one of the view. Shows slices in radiological
 * orientation (patient right on the left of the picture), from foot to head, whichever way
 * the grid lies. What the view does not have (NULL, NAN, 0 items) is left out of the page.
 */
#ifndef PIPELINE_PERFUSION_PERFUSION_PAGES_H
#define PIPELINE_PERFUSION_PERFUSION_PAGES_H

#include "base/grid.h"
#include "base/result.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct err;

#define PERFUSION_LEVELS 4 // thresholds shown of Tmax and of rCBF

/** Thresholds from the mildest to the gravest: Tmax > 4, 6, 8, 10 s; rCBF < 38, 34, 30, 20 %. */
struct perfusion_levels {
    double bound[PERFUSION_LEVELS];     // s, or % of normal CBF
    double volume_ml[PERFUSION_LEVELS]; // of the voxels beyond bound; NAN: not given
    const uint8_t *passed; // [nz][ny][nx] how many bounds a voxel is beyond, 0..4
};

/** A voxel of the view's grid. */
struct perfusion_site {
    size_t x, y, z;
};

/** The curve of an artery or a vein, and where it was found. */
struct perfusion_curve {
    const double *time_s; // [count]
    const float *value;   // [count] enhancement: HU, or 1/s for MR
    size_t count;
    const struct perfusion_site *sites; // [site_count] voxels whose mean it is
    size_t site_count;
};

/** How the head moved, frame by frame, against the reference. */
struct perfusion_motion {
    const double *time_s;        // [count]
    const float *translation_mm; // [count] length of the shift
    const float *rotation_deg;   // [count] size of the turn
    const uint8_t *is_rejected;  // [count] 1: the frame was left out; or NULL
    size_t count;
    double limit_mm, limit_deg; // beyond which a check warns; NAN: none drawn
};

/** A plane through the head: normal . p = offset_mm, p in LPS mm. */
struct perfusion_plane {
    double normal[3], offset_mm;
};

enum perfusion_colours {
    PERFUSION_RAINBOW,    // what stroke teams know: black, blue, green, yellow, red
    PERFUSION_PERCEPTUAL, // even steps of lightness, also for the colour-blind
};

/**
 * All that the pages show; everything is borrowed for the call. Zero and NULL mean "not known";
 * numbers that may be missing are NAN then (perfusion_view_init sets them so).
 */
struct perfusion_view {
    /* What made it. */
    const char *title;   // "CT perfusion"
    const char *product; // "Hilum 0.1.0, ct_perfusion 1.0.0": in the footer of every page
    const char *refusal; // why it was not analysed: only checks are shown; or NULL

    /* The scan, for the line under the title. */
    const char *acquired;  // "2026-11-25 03:12:07", or NULL
    const char *technique; // "80 kV, 150 mAs", "gradient echo, TE 30 ms", or NULL
    size_t frames;         // time points used
    double interval_s;     // between them, median
    double duration_s;     // of the scan
    double processing_s;   // 0 leaves it out: the bytes of two runs are then the same
    bool is_relative;      // CBF and CBV are relative (DSC): units say so
    enum perfusion_colours colours;
    double cbf_hi, cbv_hi, mtt_hi,
        tmax_hi; // tops of the colours; 0: 80, 6, 15, 12, and what
                 // the map holds where it is relative

    /* Voxels, [nz][ny][nx] on grid. Grid and anatomy there must be, unless refused. */
    const struct grid *grid;
    const float *anatomy;       // mean over time, HU or signal
    float window_lo, window_hi; // of anatomy; both 0: the image's own range
    const float *cbf;           // ml/100 g/min
    const float *cbv;           // ml/100 g
    const float *mtt;           // s
    const float *tmax;          // s
    const uint8_t *brain; // 1: maps are valid here; also what the slices are cropped to
    const uint8_t *core, *hypo;
    const uint8_t *discordant; // Tmax islands kept out of hypo; outlined only; or NULL
    const uint8_t *vessels;    // left out of the measurements; or NULL
    const struct perfusion_plane *midline; // or NULL

    /* What was measured; NAN: not given. */
    double core_ml, hypo_ml, mismatch_ml, mismatch_ratio;
    double hypoperfusion_index;            // vol(Tmax > 10) / vol(Tmax > 6)
    double cbv_index;                      // mean CBV in hypo / in normal tissue
    double core_rcbf_percent, hypo_tmax_s; // the rules for core and hypo: 30, 6
    const char *core_rule; // for MR: "ADC < 620"; NULL: made of the two above
    struct perfusion_levels tmax_levels, rcbf_levels;

    /* How far it can be trusted. */
    struct perfusion_curve aif, vof;
    struct perfusion_motion motion;
    const struct result_check *checks; // [check_count]
    size_t check_count;
};

/** An empty view: every number that may be missing is NAN, the rules are 30 % and 6 s. */
void perfusion_view_init(struct perfusion_view *view);

/**
 * Draw the pages of view and append them to pages: "summary", "thresholds", "cbf", "cbv",
 * "mtt", "tmax" (those that view has the voxels of) and "quality"; when refused, "summary" alone. All are
 * PERFUSION_PAGE_WIDTH x PERFUSION_PAGE_HEIGHT. The same view gives the same bytes.
 *
 * On failure pages is left as it was. Any thread.
 * Errors: ERR_NOMEM; ERR_NOTFOUND (the font is not installed).
 */
int perfusion_pages_draw(const struct perfusion_view *view, struct page_list *pages,
                         struct err *err);

#define PERFUSION_PAGE_WIDTH  1600
#define PERFUSION_PAGE_HEIGHT 1200

#endif
