#include "src/report.h"

#include <math.h>

static struct js *series_uids(const struct series *series)
{
    struct js *list = js_array();
    for (size_t i = 0; i < series->series_count; i++)
        js_add(list, js_string(series->series_uids[i]));
    return list;
}

/* Six significant digits say more than any measurement knows, and read well. */
static double rounded(double value)
{
    if (value == 0.0 || !isfinite(value))
        return value;
    const double scale = pow(10.0, 5.0 - floor(log10(fabs(value))));
    return round(value * scale) / scale;
}

static struct js *measurements(const struct measurement_list *all)
{
    struct js *list = js_array();
    for (size_t i = 0; i < all->count; i++) {
        const struct result_measurement *m = &all->items[i];
        struct js *js = js_object();
        js_set_string(js, "name", m->name);
        js_set_real(js, "value", rounded(m->value));
        js_set_string(js, "unit", m->unit);
        js_add(list, js);
    }
    return list;
}

/** A place to a hundredth of a millimetre. */
static struct js *place(const double mm[3])
{
    struct js *list = js_array();
    for (int i = 0; i < 3; i++)
        js_add(list, js_real(round(mm[i] * 100.0) / 100.0));
    return list;
}

static struct js *findings(const struct result *result)
{
    struct js *list = js_array();
    for (size_t i = 0; i < result->findings.count; i++) {
        const struct result_finding *f = &result->findings.items[i];
        struct js *js = js_object();
        js_set_string(js, "id", f->name);
        js_set_string(js, "label", f->label);
        js_set(js, "center_mm", place(f->center_mm));
        if (f->diameter_mm > 0.0)
            js_set_real(js, "diameter_mm", rounded(f->diameter_mm));
        js_set(js, "measurements", measurements(&f->measurements));
        js_add(list, js);
    }
    return list;
}

static struct js *quality(const struct result *result)
{
    struct js *list = js_array();
    for (size_t i = 0; i < result->checks.count; i++) {
        const struct result_check *check = &result->checks.items[i];
        struct js *js = js_object();
        js_set_string(js, "check", check->check);
        js_set_string(js, "verdict", verdict_name(check->verdict));
        js_set_string(js, "text", check->text);
        js_add(list, js);
    }
    return list;
}

static struct js *seconds(const struct result *result, double total_s)
{
    struct js *js = js_object();
    for (size_t i = 0; i < result->stages.count; i++)
        js_set_real(js, result->stages.items[i].name,
                    round(result->stages.items[i].seconds * 1000.0) / 1000.0);
    js_set_real(js, "total", round(total_s * 1000.0) / 1000.0);
    return js;
}

struct js *report_make(const struct result *result, const struct report_context *context)
{
    struct js *js = js_object();
    js_set_string(js, "analysis", result->analysis);
    js_set_string(js, "version", result->version);
    js_set_string(js, "product", "hilum " HILUM_VERSION);
    js_set_string(js, "status", result->status == RESULT_REFUSED ? "refused" : "ok");
    if (result->status == RESULT_REFUSED)
        js_set_string(js, "reason", result->reason);
    js_set_string(js, "study_uid", context->series->study_uid);
    js_set(js, "series_uids", series_uids(context->series));
    if (context->model) {
        js_set_string(js, "model", context->model);
        js_set_string(js, "precision", context->precision);
    }
    js_set(js, "measurements", measurements(&result->measurements));
    js_set(js, "findings", findings(result));
    js_set(js, "quality", quality(result));
    js_set(js, "seconds", seconds(result, context->total_s));
    return js;
}
