/* synthetic_view: a made-up stroke to draw pages of: no scan, no physics, known numbers. */
#ifndef TESTS_GOLDEN_SYNTHETIC_VIEW_H
#define TESTS_GOLDEN_SYNTHETIC_VIEW_H

#include "pipeline/perfusion/perfusion_pages.h"

#include <stdbool.h>

struct synthetic; // owns what its view borrows

struct synthetic_options {
    size_t n, slices; // columns and rows; slices
    double slice_mm;
    bool is_healthy;  // no lesion
    bool is_mirrored; // columns run to the patient's right, rows to the front, head first
    bool is_bare;     // only what every view has: anatomy and maps
    bool is_extreme;  // the longest texts and largest numbers that can come
    bool is_relative; // as of DSC-MR
    bool warns;       // some checks warn
};

struct synthetic *synthetic_create(const struct synthetic_options *options);
void synthetic_destroy(struct synthetic *synthetic);
const struct perfusion_view *synthetic_view(const struct synthetic *synthetic);

#endif
