/* scan_dump FILE...: what scan_file() says of each file, one JSON object a line. The golden
 * test compares it with a second reader. */
#include "base/err.h"
#include "base/js.h"
#include "scp/scan.h"

#include <stdio.h>
#include <stdlib.h>

static struct js *numbers(const double *values, int count)
{
    struct js *list = js_array();
    for (int i = 0; i < count; i++)
        js_add(list, js_real(values[i]));
    return list;
}

/* JSON numbers keep ten digits: too few for microseconds since 1970. */
static void put_seconds(struct js *js, const char *key, double seconds)
{
    char text[40];
    snprintf(text, sizeof(text), "%.6f", seconds);
    js_set_string(js, key, text);
}

static void put_texts(struct js *js, const struct instance_facts *f)
{
    js_set_string(js, "sop_uid", f->sop_uid);
    js_set_string(js, "sop_class", f->sop_class);
    js_set_string(js, "transfer_syntax", f->transfer_syntax);
    js_set_string(js, "study_uid", f->study_uid);
    js_set_string(js, "series_uid", f->series_uid);
    js_set_string(js, "frame_of_reference_uid", f->frame_of_reference_uid);
    js_set_string(js, "patient_name", f->patient.name);
    js_set_string(js, "patient_id", f->patient.id);
    js_set_string(js, "study_date", f->study_date);
    js_set_string(js, "modality", f->modality);
    js_set_string(js, "body_part", f->body_part);
    js_set_string(js, "study_description", f->study_description);
    js_set_string(js, "series_description", f->series_description);
    js_set_string(js, "protocol", f->protocol);
    js_set_string(js, "manufacturer", f->manufacturer);
    js_set_string(js, "image_type", f->image_type);
}

static void put_numbers(struct js *js, const struct instance_facts *f)
{
    js_set_int(js, "series_number", f->series_number);
    js_set_int(js, "instance_number", f->time.instance_number);
    js_set_int(js, "acquisition_number", f->time.acquisition_number);
    js_set_int(js, "temporal_position", f->time.temporal_position);
    put_seconds(js, "acquisition_s", f->time.acquisition_s);
    put_seconds(js, "content_s", f->time.content_s);
    js_set_real(js, "trigger_ms", f->time.trigger_ms);
    js_set_real(js, "echo_time_ms", f->echo_time_ms);
    js_set_real(js, "height_m", f->patient.height_m);
    js_set_real(js, "weight_kg", f->patient.weight_kg);
    js_set_int(js, "rows", f->pixels.rows);
    js_set_int(js, "columns", f->pixels.columns);
    js_set_int(js, "frames", f->pixels.frames);
    js_set_int(js, "samples", f->pixels.samples);
    js_set_int(js, "bits_allocated", f->pixels.bits_allocated);
    js_set_int(js, "bits_stored", f->pixels.bits_stored);
    js_set_bool(js, "is_signed", f->pixels.is_signed);
    js_set_real(js, "slope", f->pixels.slope);
    js_set_real(js, "intercept", f->pixels.intercept);
    js_set_int(js, "pixel_offset", f->pixels.offset);
    js_set_int(js, "pixel_bytes", f->pixels.length);
    js_set_bool(js, "has_plane", f->plane.is_valid);
    if (f->plane.is_valid) {
        js_set(js, "position_mm", numbers(f->plane.position_mm, 3));
        js_set(js, "orientation", numbers(f->plane.orientation, 6));
        js_set(js, "spacing_mm", numbers(f->plane.spacing_mm, 2));
    }
    js_set_real(js, "thickness_mm", f->plane.thickness_mm);
}

static int dump(const char *path)
{
    static struct instance_facts facts;
    auto_(js) struct js *js = js_object();
    struct err err = {0};
    js_set_string(js, "path", path);
    if (scan_file(path, &SCAN_LIMITS, &facts, &err) < 0) {
        js_set_string(js, "code", err_name(err.code));
        js_set_string(js, "error", err.text);
    } else {
        put_texts(js, &facts);
        put_numbers(js, &facts);
    }
    char *text = NULL;
    if (js_write(js, false, &text, &err) < 0) {
        fprintf(stderr, "scan_dump: %s\n", err.text);
        return 1;
    }
    puts(text);
    free(text);
    return 0;
}

int main(int argc, char **argv)
{
    int r = 0;
    for (int i = 1; i < argc && r == 0; i++)
        r = dump(argv[i]);
    return r;
}
