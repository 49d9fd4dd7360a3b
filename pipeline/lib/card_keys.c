#include "pipeline/lib/card_keys.h"

#include <math.h>
#include <stddef.h>

#define TEXT(name, text, most, help)                    \
    {                                                   \
        name, SETTINGS_TEXT, text, 0, 0, most, "", help \
    }
#define INT(name, number, lo, hi, help)                    \
    {                                                      \
        name, SETTINGS_INT, NULL, number, lo, hi, "", help \
    }
#define REAL(name, number, lo, hi, unit, help)                \
    {                                                         \
        name, SETTINGS_REAL, NULL, number, lo, hi, unit, help \
    }
#define REALS(name, number, lo, hi, unit, help)                \
    {                                                          \
        name, SETTINGS_REALS, NULL, number, lo, hi, unit, help \
    }
#define BOOL(name, number, help)                          \
    {                                                     \
        name, SETTINGS_BOOL, NULL, number, 0, 1, "", help \
    }
#define CODE(name, help)                                             \
    TEXT(name "_code", "", 16, "code of " help),                     \
        TEXT(name "_scheme", "SCT", 16, "its scheme: SCT, DCM, LN"), \
        TEXT(name "_meaning", "", 64, "its meaning, as the scheme has it")
#define NOTES                                        \
    {                                                \
        "*", SETTINGS_TEXT, "", 0, 0, 0, "", "notes" \
    }
#define END                                            \
    {                                                  \
        NULL, SETTINGS_TEXT, NULL, 0, 0, 0, NULL, NULL \
    }

static const struct settings_key CARD[] = {
    TEXT("name", NULL, 40, "of the model and its folder: small letters, digits, _"),
    TEXT("version", NULL, 16, "of the model"),
    TEXT("task", "segmentation", 20, "segmentation or classification"),
    TEXT("title", "", 60, "for people; name unless given"),
    TEXT("analysis", "", 40, "that the model belongs to; \"\": it is one by itself"),
    TEXT("summary", "", 200, "one line for people"),
    TEXT("weights", "model.onnx", 200, "file beside the card"),
    TEXT("sha256", NULL, 64, "digest of weights"),
    TEXT("precision", "f32", 8, "f32, bf16 or int8"),
    TEXT("calibrated", "", 200, "file beside the card that int8 runs from"),
    TEXT("calibrated_sha256", "", 64, "its digest"),
    INT("parameters", 0, 0, 1e12, "of the network"),
    TEXT("licence", "", 100, "of the weights"),
    TEXT("intended_use", NULL, 1000, "what it is for, and what not"),
    END,
};

static const struct settings_key SERIES[] = {
    {"body_parts", SETTINGS_NAMES, NULL, 0, 0, 16, "", "BodyPartExamined; none: any"},
    TEXT("description", "", 200, "pattern of SeriesDescription; \"\": any"),
    INT("slices_min", 1, 1, 100000, "fewest slices"),
    REAL("extent_min_mm", 0, 0, 3000, "mm", "least distance of first and last slice"),
    REAL("slice_max_mm", 0, 0, 1000, "mm", "largest distance of slices; 0: any"),
    REAL("pixel_max_mm", 0, 0, 100, "mm", "largest pixels; 0: any"),
    REAL("value_lo", -1e9, -1e9, 1e9, "", "below lies nothing that was scanned"),
    REAL("value_hi", 1e9, -1e9, 1e9, "", "above lies nothing that was scanned"),
    END,
};

static const struct settings_key INPUT[] = {
    TEXT("name", "", 100, "of the model's input; \"\": its only one"),
    TEXT("modality", NULL, 16, "of the series: CT, MR"),
    TEXT("layout", "n1zyx", 8, "n1yx: images, n1zyx: volumes"),
    INT("channels", 1, 1, 64, "series that make the input; only 1 can be run"),
    TEXT("directions", "", 3, "in which its axes rise, SPL; \"\": as the series lies"),
    TEXT("orientation", "any", 10, "of the slices: any, axial, coronal, sagittal"),
    REALS("spacing_mm", 0, 0, 100, "mm", "z, y, x; one number: the same; 0: as they are"),
    REALS("patch", 0, 0, 4096, "", "z, y, x or y, x: size of what is run at once"),
    INT("size", 0, 0, 4096, "of crops about what is looked for"),
    INT("wide_size", 0, 0, 4096, "of crops in which it is looked for"),
    INT("multiple_of", 1, 1, 1024, "that the patch must be"),
    REAL("overlap", 0.5, 0, 0.9, "", "of neighbouring patches"),
    BOOL("flips", 0, "average over mirrored patches"),
    TEXT("interpolation", "linear", 8, "nearest, linear, or smooth where it shrinks"),
    REAL("outside", 0, -1e9, 1e9, "", "value off the images, before scaling"),
    REAL("padding", 0, -1e9, 1e9, "", "value off the volume, after scaling"),
    TEXT("normalise", "none", 12, "none, window, ct, zscore, percentile"),
    TEXT("normalise_over", "series", 8, "statistics of the series or of each image"),
    REAL("clip_lo", -1e9, -1e9, 1e9, "", "values below are taken as this"),
    REAL("clip_hi", 1e9, -1e9, 1e9, "", "values above are taken as this"),
    REAL("mean", 0, -1e9, 1e9, "", "of ct"),
    REAL("sd", 1, 1e-8, 1e9, "", "of ct"),
    REAL("lo_percentile", 0, 0, 100, "%", "of percentile"),
    REAL("hi_percentile", 100, 0, 100, "%", "of percentile"),
    TEXT("note", "", 2000, "for people"),
    END,
};

static const struct settings_key OUTPUT[] = {
    TEXT("name", "", 100, "of the model's output; \"\": its first"),
    TEXT("kind", "logits", 16, "logits, probabilities, sigmoid, labels"),
    TEXT("layout", "", 8, "for people"),
    INT("channels", 2, 1, 1024, "of the output; of labels: how many there are"),
    REAL("threshold", 0.5, 0, 1, "", "of a probability that counts"),
    TEXT("edge", "half", 12, "half; inclusive: masks hold all that the contour touches"),
    TEXT("empty", "ok", 8, "ok, or refuse where a mask without voxels is a failure"),
    TEXT("note", "", 2000, "for people"),
    END,
};

static const struct settings_key LABELS[] = {
    INT("channel", 0, 0, 1023, "of the output"),
    INT("class", 0, 0, 65535, "of labels: their value; else for people"),
    TEXT("name", NULL, 60, "of what it is; background is not reported"),
    CODE("category", "the category; 123037004: an anatomical structure"),
    CODE("type", "what it is"),
    CODE("anatomy", "where it is"),
    CODE("laterality", "on which side"),
    TEXT("colour", "", 7, "#rrggbb"),
    REAL("volume_min_ml", 0, 0, 100000, "ml", "less is implausible; 0: no bound"),
    REAL("volume_max_ml", 0, 0, 100000, "ml", "more is implausible; 0: no bound"),
    REAL("part_min_ml", 0, 0, 100000, "ml", "smaller parts are dropped"),
    BOOL("largest_only", 0, "keep the largest part"),
    BOOL("border", 0, "it may reach the border of what was scanned"),
    END,
};

static const struct settings_key REPORT[] = {
    CODE("procedure", "what was done, of CID 100"),
    CODE("region", "what was imaged, of CID 4031"),
    CODE("site", "where the findings are"),
    END,
};

static const struct settings_key ACCURACY[] = {
    TEXT("what", "", 1000, "what was measured"),
    INT("patients", 0, 0, 1e9, "that it was measured on"),
    REAL("mean", (double)NAN, -1e9, 1e9, "", "over the patients"),
    REAL("worst", (double)NAN, -1e9, 1e9, "", "of the patients"),
    NOTES,
    END,
};

static const struct settings_key FREE[] = {NOTES, END};

const struct settings_section CARD_SECTIONS[] = {
    {"card", false, CARD},     {"series", false, SERIES},     {"input", false, INPUT},
    {"output", false, OUTPUT}, {"labels", true, LABELS},      {"report", false, REPORT},
    {"training", false, FREE}, {"accuracy", false, ACCURACY}, {"patients", true, FREE},
    {"studies", true, FREE},   {"limits", false, FREE},       {NULL, false, NULL},
};
