/*
 * write_objects: writes a full set of result objects over a folder of source images, for
 * test_objects.py to judge.
 *
 *     write_objects SOURCE OUT KIND
 *
 * KIND: "full" segments, findings, maps, pages; "empty" segments without a voxel; "refused";
 * "network" as full, with a model, and superseding an earlier report. What is in a voxel
 * follows from its place, so that the test can tell it: see mark() and value_at().
 */
#include "base/err.h"
#include "base/file.h"
#include "scp/dcm.h"
#include "scp/dcm_read.h"
#include "scp/dcm_write.h"
#include "scp/scan.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct source {
    struct instance_facts *facts;
    char **paths;
    size_t count;
};

static void die(const struct err *err)
{
    fprintf(stderr, "write_objects: %s\n", err->text);
    exit(1);
}

/* p, which is not NULL: there is memory in a test. */
__attribute__((returns_nonnull)) static void *must(void *p)
{
    if (!p)
        exit(1);
    return p;
}

static int add_file(void *ctx, const char *path, int64_t size, struct err *err)
{
    (void)size;
    struct source *source = ctx;
    const size_t n = source->count + 1;
    source->facts = realloc(source->facts, n * sizeof(*source->facts));
    source->paths = realloc(source->paths, n * sizeof(*source->paths));
    if (!source->facts || !source->paths)
        return err_set(err, ERR_NOMEM, "the source");
    source->paths[source->count] = strdup(path);
    const int code = scan_file(path, &SCAN_LIMITS, &source->facts[source->count], err);
    source->count += code == 0;
    return code;
}

/* ---- the grid: slices in order of position, frames of a slice in order of the files ---- */

static const struct series *sorting;

static double along(const struct series_frame *frame)
{
    const double *o = sorting->frames[0].plane.orientation;
    const double *p = frame->plane.position_mm;
    return (o[1] * o[5] - o[2] * o[4]) * p[0] + (o[2] * o[3] - o[0] * o[5]) * p[1]
           + (o[0] * o[4] - o[1] * o[3]) * p[2];
}

static int by_position(const void *a, const void *b)
{
    const size_t i = *(const size_t *)a, k = *(const size_t *)b;
    const double d = along(&sorting->frames[i]) - along(&sorting->frames[k]);
    if (fabs(d) > 1e-3)
        return d < 0 ? -1 : 1;
    return i < k ? -1 : i > k;
}

static void make_grid(const struct series *series, struct result *result)
{
    struct err err = {0};
    size_t *order = must(calloc(series->frame_count, sizeof(*order)));
    size_t *first = must(calloc(series->frame_count + 1, sizeof(*first)));
    size_t nz = 0;
    sorting = series;
    for (size_t i = 0; i < series->frame_count; i++)
        order[i] = i;
    qsort(order, series->frame_count, sizeof(*order), by_position);
    for (size_t i = 0; i < series->frame_count; i++) {
        if (i == 0
            || along(&series->frames[order[i]]) - along(&series->frames[order[i - 1]])
                   > 1e-3)
            first[nz++] = i;
    }
    first[nz] = series->frame_count;

    if (grid_create(series->nx, series->ny, nz, &result->grid, &err) < 0)
        die(&err);
    const struct plane_facts *plane = &series->frames[order[0]].plane;
    memcpy(result->grid->orientation, plane->orientation, sizeof(plane->orientation));
    result->grid->spacing_mm[0] = plane->spacing_mm[1];
    result->grid->spacing_mm[1] = plane->spacing_mm[0];
    result->grid->thickness_mm = plane->thickness_mm;
    for (size_t z = 0; z < nz; z++)
        memcpy(result->grid->position_mm[z],
               series->frames[order[first[z]]].plane.position_mm,
               sizeof(plane->position_mm));
    result->source_frames = order;
    result->source_first = first;
    if (grid_clone(result->grid, &result->map_grid, &err) < 0)
        die(&err);
}

/* ---- the result ---- */

/* Segment s holds a voxel: a sparse pattern that repeats nowhere near a byte; segment 1 is
 * in odd slices only, segment 2 is empty. */
static int mark(size_t s, size_t x, size_t y, size_t z)
{
    if (s == 0)
        return (3 * x + 5 * y + 7 * z) % 11 == 0;
    return s == 1 && z % 2 == 1 && (3 * x + 5 * y + 7 * z) % 11 == 4;
}

static float value_at(size_t map, size_t x, size_t y, size_t z)
{
    return (float)x * 0.1f + (float)y * 1000.0f + (float)z / 3.0f - (float)map * 5.5f;
}

static void add_segments(struct result *result, int is_empty)
{
    static const struct result_segment SEGMENTS[] = {
        {.name = "core",
         .label = "Core (rCBF < 30 %)",
         .category = {"49755003", "SCT", "Morphologically Abnormal Structure"},
         .type = {"6574001", "SCT", "Necrosis"},
         .anatomy = {"12738006", "SCT", "Brain"},
         .laterality = {"7771000", "SCT", "Left"},
         .rgb = {220, 40, 40}},
        {.name = "hypoperfusion",
         .label = "Hypoperfusion (Tmax > 6 s)",
         .category = {"49755003", "SCT", "Morphologically Abnormal Structure"},
         .type = {"4147007", "SCT", "Mass"},
         .anatomy = {"12738006", "SCT", "Brain"},
         .rgb = {60, 160, 60}},
        {.name = "nothing",
         .label = "Nothing",
         .category = {"49755003", "SCT", "Morphologically Abnormal Structure"},
         .type = {"27925004", "SCT", "Nodule"},
         .rgb = {60, 60, 200}},
    };
    const struct grid *grid = result->grid;
    for (size_t s = 0; s < sizeof(SEGMENTS) / sizeof(SEGMENTS[0]); s++) {
        struct result_segment *segment = must(segment_list_add(&result->segments));
        *segment = SEGMENTS[s];
        segment->mask = must(calloc(grid_voxels(grid), 1));
        for (size_t i = 0; !is_empty && i < grid_voxels(grid); i++) {
            segment->mask[i] = (uint8_t)mark(s, i % grid->nx, i / grid->nx % grid->ny,
                                             i / (grid->nx * grid->ny));
            segment->voxels += segment->mask[i];
        }
    }
}

static void add_maps(struct result *result)
{
    static const struct result_map MAPS[] = {
        {.name = "cbf",
         .label = "Cerebral Blood Flow",
         .quantity = {"126390", "DCM", "Absolute Regional Blood Flow"},
         .method = {"126311", "DCM", "Singular Value Decomposition (SVD) Deconvolution"},
         .unit = {"ml/(100.g.min)", "UCUM", "ml/(100 g min)"},
         .window_hi = 60},
        {.name = "tmax",
         .label = "Tmax",
         .quantity = {"113084", "DCM", "Tmax"},
         .unit = {"s", "UCUM", "s"},
         .window_hi = 12},
    };
    const struct grid *grid = result->map_grid;
    for (size_t m = 0; m < sizeof(MAPS) / sizeof(MAPS[0]); m++) {
        struct result_map *map = must(map_list_add(&result->maps));
        *map = MAPS[m];
        map->voxels = must(calloc(grid_voxels(grid), sizeof(float)));
        for (size_t i = 0; i < grid_voxels(grid); i++)
            map->voxels[i] = value_at(m, i % grid->nx, i / grid->nx % grid->ny,
                                      i / (grid->nx * grid->ny));
    }
}

static void add_pages(struct result *result)
{
    static const char *const NAMES[] = {"summary", "maps"};
    for (size_t p = 0; p < 2; p++) {
        struct result_page *page = must(page_list_add(&result->pages));
        page->name = NAMES[p];
        page->label = p == 0 ? "Summary" : "Maps";
        page->width = 301; // odd: rows and pixel data of odd length
        page->height = 201;
        page->rgb = must(malloc(page->width * page->height * 3));
        for (size_t i = 0; i < page->width * page->height * 3; i++)
            page->rgb[i] = (uint8_t)(i * 7 + p);
    }
}

static const struct code VOLUME = {"118565006", "SCT", "Volume"};
static const struct code ML = {"ml", "UCUM", "ml"};

static void add_measurements(struct result *result)
{
    const struct result_measurement all[] = {
        {"core_volume", "Core volume", 12.3456, "ml", VOLUME, ML, {0}, 0},
        {"mismatch_ratio",
         "Mismatch ratio",
         2.5,
         "",
         {"mismatch-ratio", "99HILUM", "Mismatch Ratio"},
         {"1", "UCUM", "no units"},
         {0},
         -1},
        {"tmax_4",
         "Volume, Tmax > 4 s",
         40,
         "ml",
         VOLUME,
         ML,
         {"tmax-over-4s", "99HILUM", "Tmax over 4 s"},
         -1},
    };
    for (size_t i = 0; i < sizeof(all) / sizeof(all[0]); i++) {
        struct result_measurement *m = must(measurement_list_add(&result->measurements));
        *m = all[i];
    }
}

static void add_findings(struct result *result)
{
    struct result_finding *aif = must(finding_list_add(&result->findings));
    strcpy(aif->name, "aif");
    strcpy(aif->label, "Arterial input");
    aif->code = (struct code){"17232002", "SCT", "Middle Cerebral Artery"};
    aif->laterality = (struct code){"24028007", "SCT", "Right"};
    aif->is_landmark = true;
    aif->segment = -1;
    grid_to_patient(result->grid, 3, 4, 0, aif->center_mm);

    struct result_finding *nodule = must(finding_list_add(&result->findings));
    strcpy(nodule->name, "nodule-1");
    nodule->code = (struct code){"27925004", "SCT", "Nodule"};
    nodule->site = (struct code){"45653009", "SCT", "Upper lobe of lung"};
    nodule->laterality = (struct code){"7771000", "SCT", "Left"};
    nodule->segment = 1;
    grid_to_patient(result->grid, 5, 6, 0, nodule->center_mm);
    struct result_measurement *m = must(measurement_list_add(&nodule->measurements));
    *m = (struct result_measurement){
        .name = "diameter",
        .value = 7.25,
        .concept = {"81827009", "SCT", "Diameter"},
        .ucum = {"mm", "UCUM", "mm"},
        .segment = -1,
    };
}

static struct result *make_result(const struct series *series, const char *kind)
{
    struct err err = {0};
    struct result *result = NULL;
    if (result_create("ct_perfusion", "1.0.0", "CT perfusion", &result, &err) < 0)
        die(&err);
    result->procedure =
        (struct code){"39142-5", "LN", "CT perfusion head with contrast IV"};
    result->target_region = (struct code){"69536005", "SCT", "Head"};
    result->finding_site = (struct code){"12738006", "SCT", "Brain"};
    result->method = (struct code){"126311", "DCM",
                                   "Singular Value Decomposition (SVD) Deconvolution"};
    result_add_check(result, "baseline", VERDICT_OK, &err, "%d frames before the bolus",
                     9);
    result_add_check(result, "motion", VERDICT_WARN, &err, "%.1f mm", 2.5);
    if (strcmp(kind, "refused") == 0) {
        result_add_check(result, "frames", VERDICT_FAIL, &err, "5 of 20");
        result_refuse(result, "only 5 frames of at least 20");
        return result;
    }
    make_grid(series, result);
    add_segments(result, strcmp(kind, "empty") == 0);
    if (strcmp(kind, "empty") == 0)
        return result;
    add_maps(result);
    add_pages(result);
    add_measurements(result);
    add_findings(result);
    return result;
}

/* ---- writing ---- */

static void join(const char *folder, const char *kind, const char *name, char *ret)
{
    struct err err = {0};
    char file[300];
    snprintf(file, sizeof(file), "%s%s.dcm", kind, name);
    if (file_join(folder, file, ret, &err) < 0)
        die(&err);
}

static void write_all(struct dcm_writer *writer, const struct result *result,
                      const char *out)
{
    struct err err = {0};
    char path[FILE_PATH];

    join(out, "", "seg", path);
    const int code = dcm_write_seg(writer, path, &err);
    if (code < 0 && code != ERR_NOTFOUND)
        die(&err);
    join(out, "", "sr", path);
    if (dcm_write_sr(writer, code == 0, path, &err) < 0)
        die(&err);
    for (size_t i = 0; i < result->maps.count; i++) {
        join(out, "map-", result->maps.items[i].name, path);
        if (dcm_write_map(writer, i, path, &err) < 0)
            die(&err);
    }
    for (size_t i = 0; i < result->pages.count; i++) {
        join(out, "page-", result->pages.items[i].name, path);
        if (dcm_write_page(writer, i, path, &err) < 0)
            die(&err);
    }
}

int main(int argc, char **argv)
{
    struct err err = {0};
    struct source source = {0};
    if (argc != 4)
        return 2;
    dcm_init();
    if (file_walk(argv[1], add_file, &source, &err) < 0)
        die(&err);
    auto_(series) struct series *series = NULL;
    if (dcm_read_series(source.facts, (const char *const *)source.paths, source.count,
                        &series, NULL, &err)
        < 0)
        die(&err);

    auto_(result) struct result *result = make_result(series, argv[3]);
    const bool is_network = strcmp(argv[3], "network") == 0;
    const struct dcm_write_context context = {
        .result = result,
        .series = series,
        .source_path = source.paths[0],
        .uid_seed = "seed of the job",
        .software_version = "0.1.0",
        .device_serial = "test-0001",
        .model = is_network ? "lung-nodule 2.1" : NULL,
        .precision = is_network ? "int8" : NULL,
        .supersedes = is_network ? "2.25.4711" : NULL,
        .created_s = 1732500000, // 2024-11-25 02:00:00 UTC
        .series_number = 9001,
    };
    auto_(dcm_writer) struct dcm_writer *writer = NULL;
    if (dcm_writer_create(&context, &writer, &err) < 0)
        die(&err);
    write_all(writer, result, argv[2]);

    for (size_t i = 0; i < source.count; i++)
        free(source.paths[i]);
    free(source.paths);
    free(source.facts);
    dcm_finish();
    return 0;
}
