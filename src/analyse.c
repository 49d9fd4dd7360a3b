#include "src/analyse.h"

#include "base/clock.h"
#include "base/err.h"
#include "base/file.h"
#include "pipeline/lib/page.h"
#include "scp/dcm_read.h"
#include "scp/dcm_write.h"
#include "scp/scan.h"
#include "src/report.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { FIRST_SERIES_NUMBER = 9001 };

/* How much of the whole each part is, for the progress. */
static const double READ_SHARE = 0.05, RUN_SHARE = 0.80;

/* One run: the order, and where it is. */
struct run {
    const struct analyse_order *order;
    struct analyse_outcome *outcome;
    char part[FILE_PATH]; // the folder until it is whole
    struct dcm_writer *writer;
    const struct result *result;
    double began_s;
};

static void tell(const struct analyse_order *order, const char *stage, double fraction)
{
    if (order->watch.progress)
        order->watch.progress(order->watch.ctx, stage, fraction);
}

/* ---- reading ---- */

static int read_series(const struct analyse_order *order, struct series **ret,
                       size_t *ret_left_out, struct err *err)
{
    struct instance_facts *facts = calloc(order->count, sizeof(*facts));
    if (!facts)
        return err_set(err, ERR_NOMEM, "%zu instances", order->count);
    int r = 0;
    for (size_t i = 0; r == 0 && i < order->count; i++) {
        r = scan_file(order->paths[i], &SCAN_LIMITS, &facts[i], err);
        if (i % 64 == 0)
            tell(order, "reading headers", READ_SHARE * (double)i / (double)order->count);
    }
    if (r == 0)
        r = dcm_read_series(facts, order->paths, order->count, ret, ret_left_out, err);
    free(facts);
    return r;
}

/* ---- running ---- */

static void scaled_progress(void *ctx, const char *stage, double fraction)
{
    tell(ctx, stage, READ_SHARE + RUN_SHARE * fraction);
}

static bool forwarded_cancel(void *ctx)
{
    const struct analyse_order *order = ctx;
    return order->watch.is_cancelled && order->watch.is_cancelled(order->watch.ctx);
}

static int run_analysis(const struct analyse_order *order, const struct series *series,
                        struct result **ret, struct err *err)
{
    const struct pipeline_input in = {
        .series = series,
        .options = order->options,
        .option_count = order->option_count,
        .threads = order->threads,
        .memory_max_bytes = order->memory_max_bytes,
        .model_folders = order->model_folders,
        .model_folder_count = order->model_folder_count,
        .watch = {scaled_progress, forwarded_cancel, (void *)(uintptr_t)order},
    };
    return pipeline_run(order->def, &in, ret, err);
}

/* ---- writing ---- */

/* What was written counts as an object once our own scan has read it back. */
static int note_object(struct run *run, const char *name, const char *path,
                       struct err *err)
{
    struct instance_facts *facts = malloc(sizeof(*facts));
    if (!facts)
        return err_set(err, ERR_NOMEM, "facts of an object");
    const int r = scan_file(path, &SCAN_LIMITS, facts, err);
    if (r == 0) {
        struct analyse_object *object = &run->outcome->objects[run->outcome->count++];
        snprintf(object->name, sizeof(object->name), "%s", name);
        memcpy(object->sop_uid, facts->sop_uid, sizeof(object->sop_uid));
        memcpy(object->sop_class, facts->sop_class, sizeof(object->sop_class));
    }
    free(facts);
    return r < 0 ? err_add(err, "%s", name) : 0;
}

/* Where the object of that name goes. */
static int place_object(struct run *run, const char *name, char path[FILE_PATH],
                        struct err *err)
{
    char file[80];
    if (run->outcome->count == ANALYSE_OBJECTS_MAX
        || snprintf(file, sizeof(file), "%s.dcm", name) >= 64)
        return err_set(err, ERR_LIMIT, "more or longer named results than can be kept");
    tell(run->order, "writing results",
         READ_SHARE + RUN_SHARE + 0.01 * (double)run->outcome->count);
    return file_join(run->part, file, path, err);
}

static int write_seg(struct run *run, bool *ret_has_seg, struct err *err)
{
    char path[FILE_PATH];
    struct err why = {0};
    *ret_has_seg = false;
    int r = place_object(run, "seg", path, err);
    if (r < 0 || run->result->segments.count == 0)
        return r;
    r = dcm_write_seg(run->writer, path, &why);
    if (r == ERR_NOTFOUND)
        return 0; // no voxel in any segment: that is a result too
    if (r < 0)
        return err_set(err, (enum err_code)r, "seg: %s", why.text);
    *ret_has_seg = true;
    return note_object(run, "seg", path, err);
}

/* The i-th of a kind: "map" or "page". */
static int write_numbered(struct run *run, const char *kind, const char *of, size_t i,
                          int (*write)(struct dcm_writer *, size_t, const char *,
                                       struct err *),
                          struct err *err)
{
    char name[64], path[FILE_PATH];
    snprintf(name, sizeof(name), "%s-%s", kind, of);
    int r = place_object(run, name, path, err);
    if (r == 0)
        r = write(run->writer, i, path, err);
    return r < 0 ? err_add(err, "%s", name) : note_object(run, name, path, err);
}

static int write_objects(struct run *run, struct err *err)
{
    const struct result *result = run->result;
    char path[FILE_PATH];
    bool has_seg = false;
    int r = write_seg(run, &has_seg, err);
    for (size_t i = 0; r == 0 && i < result->maps.count; i++)
        r = write_numbered(run, "map", result->maps.items[i].name, i, dcm_write_map, err);
    for (size_t i = 0; r == 0 && i < result->pages.count; i++)
        r = write_numbered(run, "page", result->pages.items[i].name, i, dcm_write_page,
                           err);
    if (r == 0)
        r = place_object(run, "sr", path, err);
    if (r == 0)
        r = dcm_write_sr(run->writer, has_seg, path, err);
    return r == 0 ? note_object(run, "sr", path, err) : r;
}

/* The first page, for people without a viewer. */
static int write_picture(const struct run *run, struct err *err)
{
    char path[FILE_PATH];
    int r = file_join(run->part, "summary.png", path, err);
    if (r == 0 && run->result->pages.count > 0)
        r = page_write_png(&run->result->pages.items[0], path, err);
    return r;
}

static int write_report(const struct run *run, const struct series *series,
                        struct err *err)
{
    const struct report_context context = {
        .series = series,
        .model = result_model(run->result),
        .precision = run->result->precision,
        .total_s = clock_s() - run->began_s,
    };
    char path[FILE_PATH];
    int r = file_join(run->part, "report.json", path, err);
    if (r < 0)
        return r;
    auto_(js) struct js *js = report_make(run->result, &context);
    return js_write_file(js, path, err);
}

static int write_all(struct run *run, const struct series *series, struct err *err)
{
    const struct analyse_order *order = run->order;
    char supersedes[FACTS_UID] = "";
    if (order->supersedes_seed)
        dcm_write_uid(order->supersedes_seed, "sr", supersedes);
    const struct dcm_write_context context = {
        .result = run->result,
        .series = series,
        .source_path = order->paths[0],
        .uid_seed = order->uid_seed,
        .software_version = HILUM_VERSION,
        .device_serial = order->device_serial,
        .supersedes = supersedes[0] ? supersedes : NULL,
        .created_s = order->created_s,
        .model = result_model(run->result),
        .precision = result_model(run->result) ? run->result->precision : NULL,
        .series_number = FIRST_SERIES_NUMBER,
    };
    int r = dcm_writer_create(&context, &run->writer, err);
    if (r == 0)
        r = write_objects(run, err);
    if (r == 0)
        r = write_picture(run, err);
    if (r == 0)
        r = write_report(run, series, err);
    dcm_writer_destroy(run->writer);
    return r;
}

/* ---- the folder ---- */

/* Give the whole folder its name; what was there goes first. */
static int publish(const struct run *run, struct err *err)
{
    const char *folder = run->order->folder;
    int r = file_sync(run->part, err);
    if (r == 0)
        r = file_remove_tree(folder, err);
    if (r == 0 && rename(run->part, folder) != 0)
        r = err_set(err, ERR_IO, "the folder of results cannot be given its name");
    return r == 0 ? file_sync_parent(folder, err) : r;
}

static int fill_folder(struct run *run, struct err *err)
{
    auto_(series) struct series *series = NULL;
    auto_(result) struct result *result = NULL;
    int r = read_series(run->order, &series, &run->outcome->left_out, err);
    if (r == 0)
        r = run_analysis(run->order, series, &result, err);
    if (r < 0)
        return r;
    run->result = result;
    run->outcome->status = result->status;
    snprintf(run->outcome->reason, sizeof(run->outcome->reason), "%s", result->reason);
    return write_all(run, series, err);
}

int analyse(const struct analyse_order *order, struct analyse_outcome *ret,
            struct err *err)
{
    *ret = (struct analyse_outcome){0};
    if (order->count == 0)
        return err_set(err, ERR_NOTFOUND, "no instances to analyse");
    struct run run = {.order = order, .outcome = ret, .began_s = clock_s()};
    if (snprintf(run.part, sizeof(run.part), "%s.part", order->folder)
        >= (int)sizeof(run.part))
        return err_set(err, ERR_LIMIT, "the folder's path is too long");

    int r = file_remove_tree(run.part, err);
    if (r == 0)
        r = file_make_folder(run.part, err);
    if (r == 0)
        r = fill_folder(&run, err);
    if (r == 0)
        r = publish(&run, err);
    if (r < 0)
        file_remove_tree(run.part, NULL);
    else
        tell(order, "done", 1.0);
    return r;
}
