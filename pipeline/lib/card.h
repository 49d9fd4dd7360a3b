/*
 * card: what a model is, wants and answers, as models/<name>/card.ucl says it.
 *
 * A card is text beside an ONNX file: identity and checksum of the weights, the images it was
 * trained on and how they are brought to its scale, what its channels mean in codes, what it
 * is for and how well it did. Knows no series and no result. docs/adding-a-model.md shows
 * every key. Texts of a card live as long as the card; "" or code.value NULL where the card
 * says nothing.
 */
#ifndef PIPELINE_LIB_CARD_H
#define PIPELINE_LIB_CARD_H

#include "base/auto.h"
#include "base/code.h"
#include "base/file.h"
#include "base/settings.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct engine;
struct err;

enum card_task { CARD_SEGMENTATION, CARD_CLASSIFICATION };
enum card_axes { CARD_PLANE, CARD_VOLUME }; // n1yx: an image; n1zyx: a volume
enum card_interpolation { CARD_NEAREST, CARD_LINEAR, CARD_SMOOTH };
/** How values come to the network's scale:
 *  none        as they are
 *  window      (clamp(v, clip_lo, clip_hi) - clip_lo) / (clip_hi - clip_lo)
 *  ct          (clamp(v, clip_lo, clip_hi) - mean) / sd, all four from the card
 *  zscore      (v - mean) / sd, mean and sd of the image or series
 *  percentile  clamp((v - p_lo) / (p_hi - p_lo), clip_lo, clip_hi), percentiles likewise */
enum card_scale { CARD_NONE, CARD_WINDOW, CARD_CT, CARD_ZSCORE, CARD_PERCENTILE };
/** What the output holds: numbers before a softmax over the channels, after it, before a
 * sigmoid of each channel, or the class itself. */
enum card_answer { CARD_LOGITS, CARD_PROBABILITIES, CARD_SIGMOID, CARD_LABELS };
enum card_edge { CARD_HALF, CARD_INCLUSIVE }; // of pixels that the contour touches: all

struct card_input {
    const char *name;     // of the model's input; "": its only one
    const char *modality; // "CT", "MR"
    enum card_axes axes;
    const char *orientation; // of the slices: "any", "axial", "coronal", "sagittal"
    const char
        *directions; // in which the network's axes rise, "SPL"; "": as the series lies
    double spacing_mm[3];    // z, y, x; 0: as the series has it
    size_t patch[3];         // z, y, x; z is 1 of CARD_PLANE
    size_t size, wide_size;  // of crops, where the analysis cuts some
    size_t multiple_of;      // that a patch must be
    double overlap;          // of neighbouring patches, 0..0.9
    bool flips;              // average over mirrored patches
    double outside, padding; // raw value off the images; scaled value off the volume
    enum card_interpolation interpolation;
    enum card_scale scale;
    bool scale_by_image; // statistics are of the image, not of the series
    double clip_lo, clip_hi, mean, sd, lo_percentile, hi_percentile;
};

/** Which series it can be trusted on. */
struct card_series {
    size_t body_parts;       // names in series.body_parts; 0: any
    const char *description; // pattern of SeriesDescription; "": any
    size_t slices_min;
    double extent_min_mm;              // from first to last slice
    double slice_max_mm, pixel_max_mm; // largest distance of slices, of pixels; 0: any
    double value_lo, value_hi;         // what the values must lie in
};

struct card_output {
    const char *name; // of the model's output; "": its first
    enum card_answer answer;
    size_t channels;
    double threshold; // of a probability that counts
    enum card_edge edge;
    bool is_empty_refused; // a mask without a voxel is a failure, not a finding
};

struct card_label {
    const char *name, *label;               // "lv_cavity", "LV cavity"
    char volume_name[80], volume_label[80]; // "lv_cavity_volume", "Volume of LV cavity"
    size_t channel, value; // where in the output; of CARD_LABELS the class
    bool is_background;    // nothing is reported of it
    struct code category, type, anatomy, laterality;
    uint8_t rgb[3];
    double volume_min_ml, volume_max_ml; // outside is implausible; 0: no bound
    double part_min_ml;                  // smaller parts are dropped
    bool largest_only;
    bool may_touch_border; // the volume may end within it
};

struct card {
    char folder[FILE_PATH], path[FILE_PATH];
    struct settings *settings; // owned; what the texts point into

    const char *name, *version, *title, *summary, *analysis, *licence, *intended_use;
    enum card_task task;
    const char *weights, *sha256;               // file in the folder; hexadecimal
    const char *precision;                      // "f32", "bf16", "int8"
    const char *calibrated, *calibrated_sha256; // the file that int8 runs from

    struct card_input input;
    struct card_series series;
    struct card_output output;
    struct card_label *labels; // [label_count], by channel
    size_t label_count;

    struct code procedure, region, site;  // of the report
    const char *accuracy;                 // what was measured, and
    double accuracy_mean, accuracy_worst; // NAN: not said
    size_t accuracy_patients;
};

/**
 * Read and check the card at path; weights are not opened.
 *
 * Errors: ERR_NOTFOUND, ERR_IO; ERR_CONFIG "path:line: input.patch: three numbers were
 * expected: z, y, x"; ERR_NOMEM
 */
int card_read(const char *path, struct card **ret, struct err *err);
/** The same from text; folder is where its files lie. Errors: ERR_CONFIG, ERR_NOMEM. */
int card_parse(const char *text, const char *folder, struct card **ret, struct err *err);
/** Read folder/name/card.ucl from the first of the folders that has one.
 * Errors: those of card_read(); ERR_NOTFOUND names the model. */
int card_find(const char *const *folders, size_t folder_count, const char *name,
              struct card **ret, struct err *err);
/** Free card; NULL is allowed. */
void card_destroy(struct card *card);
AUTO_DEFINE(card)

/** A body part that the card names, i of series.body_parts. */
const char *card_body_part(const struct card *card, size_t i);

/**
 * Check the weights' digest against the card and open them in its precision.
 *
 * int8 runs from the calibrated file. threads and memory_bytes as in engine_options.
 *
 * Errors: ERR_NOTFOUND, ERR_IO; ERR_CONFIG  the digest is another; those of engine_open()
 */
int card_open(const struct card *card, int threads, size_t memory_bytes,
              struct engine **ret, struct err *err);

#endif
