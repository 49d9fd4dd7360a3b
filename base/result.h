/*
 * result: what an analysis found, before it is DICOM.
 *
 * An analysis fills a result; scp/ writes it as SEG, SR, maps and pages, src/ as
 * report.json. A result holds segments and maps on grids in patient space, measurements
 * with coded concept and unit, checks with verdicts, and pages drawn as RGB. Everything
 * in it is owned by it, codes apart (static data).
 */
#ifndef BASE_RESULT_H
#define BASE_RESULT_H

#include "base/auto.h"
#include "base/code.h"
#include "base/grid.h"
#include "base/list.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

struct err;

enum result_status {
    RESULT_OK,      // measured; checks may warn
    RESULT_REFUSED, // not trustworthy: reason says why; no measurements are given
};

enum verdict { VERDICT_OK, VERDICT_WARN, VERDICT_FAIL };

/** One quality check, in the order in which it was made. */
struct result_check {
    const char *check; // "baseline", static
    enum verdict verdict;
    char text[200]; // "9 frames before the bolus"
};

/** One segment of the SEG; segments of a result do not overlap. */
struct result_segment {
    const char *name;  // "core": stable, names the tracking identifier
    const char *label; // "Core (rCBF < 30 %)": what a viewer shows
    struct code category, type, anatomy;
    struct code laterality; // of anatomy (CID 244); value NULL where it says nothing
    uint8_t rgb[3];
    uint8_t *mask; // [grid nz][ny][nx] 0 or 1, on result.grid; owned
    size_t voxels; // ones in mask
    /* [grid nz] frame that each slice was drawn on, where it is not the first of the result's
     * source_frames: segments of several phases; NULL: it is. Owned. */
    size_t *source_frames;
};

/** One parametric map, on result.map_grid. */
struct result_map {
    const char *name;           // "cbf": file name map-cbf.dcm, series description
    const char *label;          // "Cerebral Blood Flow"
    struct code quantity;       // (113055, DCM, Regional Cerebral Blood Flow)
    struct code method;         // (126311, DCM, ...) or value NULL
    struct code unit;           // UCUM
    float window_lo, window_hi; // what a viewer should show first
    float *voxels;              // [map_grid nz][ny][nx]; owned; finite
};

/** One number of report.json and the SR. */
struct result_measurement {
    const char *name;    // "core_volume"
    const char *label;   // "Core volume"
    double value;        // finite; a measurement that does not exist is left out
    const char *unit;    // as in report.json: "ml", "%", "" for a ratio
    struct code concept; // what is measured
    struct code ucum;    // its unit as a code
    struct code
        modifier; // optional (value NULL): what tells it from another of its concept
    int segment;  // index of the segment that it measures, or -1
};

LIST_DEFINE(measurement_list, struct result_measurement)

/** Something at a place in the patient: a nodule, or the artery of the input function. */
struct result_finding {
    char name[32];                // "nodule-1": stable, names the tracking identifier
    char label[64];               // "Nodule 1, left upper lobe"
    struct code code;             // what it is
    struct code site, laterality; // where; value NULL where nothing is said
    double center_mm[3];          // LPS
    double diameter_mm;           // of a sphere that holds it; 0: a voxel
    bool is_landmark;             // a place that was used, not something that was found
    int segment;                  // index of the segment that outlines it, or -1
    struct measurement_list measurements; // its own; their field segment says nothing
};

/** One page as a physician sees it. */
struct result_page {
    const char *name;  // "summary": page-summary.dcm
    const char *label; // "Summary": the series description
    size_t width, height;
    uint8_t *rgb; // [height][width][3]; owned
};

/** Seconds spent in a stage, in order. */
struct result_stage {
    const char *name;
    double seconds;
};

LIST_DEFINE(check_list, struct result_check)
LIST_DEFINE(segment_list, struct result_segment)
LIST_DEFINE(map_list, struct result_map)
LIST_DEFINE(finding_list, struct result_finding)
LIST_DEFINE(page_list, struct result_page)
LIST_DEFINE(stage_list, struct result_stage)

struct result {
    const char *analysis, *version, *title; // "ct_perfusion", "1.0.0", "CT perfusion"
    enum result_status status;
    char reason[252]; // of a refusal

    char model[80];     // "cardiac_sax 1.0.0": the network that was used; "": none
    char precision[40]; // "bf16", "int8": how it was computed

    struct code procedure;     // CID 100: what was imaged; for the SR
    struct code target_region; // CID 4031
    struct code finding_site;  // of the measurement groups
    struct code method;        // of the measurements, or value NULL

    struct grid *grid;     // of the segments: the source's own; NULL when refused early
    struct grid *map_grid; // of the maps; may be coarser
    /* Source frames of each slice of grid: indices into the series' frames,
     * slice z owns source_frames[source_first[z] .. source_first[z + 1]). */
    size_t *source_frames, *source_first; // [source_first[nz]], [nz + 1]

    struct segment_list segments;
    struct map_list maps;
    struct measurement_list measurements;
    struct finding_list findings;
    struct check_list checks;
    struct page_list pages;
    struct stage_list stages;
};

/** An empty result of that analysis, status RESULT_OK. Errors: ERR_NOMEM. */
int result_create(const char *analysis, const char *version, const char *title,
                  struct result **ret, struct err *err);
/** Free result with all that it owns; NULL is allowed. */
void result_destroy(struct result *result);

/** Add a check; text is formatted and cut to its field. Errors: ERR_NOMEM. */
__attribute__((format(printf, 5, 6))) int
result_add_check(struct result *result, const char *check, enum verdict verdict,
                 struct err *err, const char *fmt, ...);
/** Mark result refused for that reason; the first reason stays. */
__attribute__((format(printf, 2, 3))) void result_refuse(struct result *result,
                                                         const char *fmt, ...);
/** The network's name and version, or NULL where none was used. */
const char *result_model(const struct result *result);
/** The measurement of that name, or NULL. */
const struct result_measurement *result_measurement(const struct result *result,
                                                    const char *name);
/** The worst verdict of all checks. */
enum verdict result_verdict(const struct result *result);
/** "ok", "warn", "fail". */
const char *verdict_name(enum verdict verdict);

AUTO_DEFINE(result)

#ifdef __cplusplus
}
#endif
#endif
