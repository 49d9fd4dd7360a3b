#include "base/result.h"

#include "base/err.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

int result_create(const char *analysis, const char *version, const char *title,
                  struct result **ret, struct err *err)
{
    struct result *result = calloc(1, sizeof(*result));
    if (!result)
        return err_set(err, ERR_NOMEM, "a result");
    result->analysis = analysis;
    result->version = version;
    result->title = title;
    *ret = result;
    return 0;
}

void result_destroy(struct result *result)
{
    if (!result)
        return;
    for (size_t i = 0; i < result->segments.count; i++) {
        free(result->segments.items[i].mask);
        free(result->segments.items[i].source_frames);
    }
    for (size_t i = 0; i < result->maps.count; i++)
        free(result->maps.items[i].voxels);
    for (size_t i = 0; i < result->pages.count; i++)
        free(result->pages.items[i].rgb);
    for (size_t i = 0; i < result->findings.count; i++)
        measurement_list_finish(&result->findings.items[i].measurements);
    segment_list_finish(&result->segments);
    map_list_finish(&result->maps);
    measurement_list_finish(&result->measurements);
    finding_list_finish(&result->findings);
    check_list_finish(&result->checks);
    page_list_finish(&result->pages);
    stage_list_finish(&result->stages);
    grid_destroy(result->grid);
    grid_destroy(result->map_grid);
    free(result->source_frames);
    free(result->source_first);
    free(result);
}

int result_add_check(struct result *result, const char *check, enum verdict verdict,
                     struct err *err, const char *fmt, ...)
{
    struct result_check *item = check_list_add(&result->checks);
    if (!item)
        return err_set(err, ERR_NOMEM, "a quality check");
    item->check = check;
    item->verdict = verdict;

    va_list args;
    va_start(args, fmt);
    vsnprintf(item->text, sizeof(item->text), fmt, args);
    va_end(args);
    return 0;
}

void result_refuse(struct result *result, const char *fmt, ...)
{
    if (result->status == RESULT_REFUSED)
        return;
    result->status = RESULT_REFUSED;

    va_list args;
    va_start(args, fmt);
    vsnprintf(result->reason, sizeof(result->reason), fmt, args);
    va_end(args);
}

const char *result_model(const struct result *result)
{
    return result->model[0] ? result->model : NULL;
}

const struct result_measurement *result_measurement(const struct result *result,
                                                    const char *name)
{
    for (size_t i = 0; i < result->measurements.count; i++) {
        if (strcmp(result->measurements.items[i].name, name) == 0)
            return &result->measurements.items[i];
    }
    return NULL;
}

enum verdict result_verdict(const struct result *result)
{
    enum verdict worst = VERDICT_OK;
    for (size_t i = 0; i < result->checks.count; i++) {
        if (result->checks.items[i].verdict > worst)
            worst = result->checks.items[i].verdict;
    }
    return worst;
}

const char *verdict_name(enum verdict verdict)
{
    static const char *const NAMES[] = {"ok", "warn", "fail"};
    return NAMES[verdict];
}
