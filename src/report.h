/*
 * report: report.json of one analysis (the interface that scripts read; README shows it).
 */
#ifndef SRC_REPORT_H
#define SRC_REPORT_H

#include "base/js.h"
#include "base/result.h"
#include "base/series.h"

/** What the result itself does not know. */
struct report_context {
    const struct series *series;
    const char *model, *precision; // NULL: no network
    double total_s;                // from files to results
};

/**
 * {"analysis", "version", "product", "status", ["reason"], "study_uid", "series_uids",
 * ["model", "precision"], "measurements": [{"name", "value", "unit"}],
 * "findings": [{"id", "label", "center_mm": [x, y, z], ["diameter_mm"], "measurements"}],
 * "quality": [{"check", "verdict", "text"}], "seconds": {stage: s, "total": s}}
 *
 * js_write() of it fails when there was no memory.
 */
struct js *report_make(const struct result *result, const struct report_context *context);

#endif
