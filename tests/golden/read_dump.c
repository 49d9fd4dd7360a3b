/*
 * read_dump OUT FILE...: the frames of each file as dcm_read_series() gives them, as float32 in
 * OUT/<n>.f32, and a line "<n> <frames> <columns> <rows>" or "<n> <error>: <reason>". An image
 * without geometry is given one: what is looked at are pixels.
 */
#include "base/err.h"
#include "scp/dcm.h"
#include "scp/dcm_read.h"
#include "scp/scan.h"

#include <stdio.h>
#include <stdlib.h>

static int write_frames(const struct series *series, const char *path, struct err *err)
{
    const size_t n = series->nx * series->ny;
    float *pixels = malloc(n * sizeof(*pixels));
    FILE *out = fopen(path, "wb");
    int r = pixels && out ? 0 : err_set(err, ERR_IO, "no room");
    for (size_t i = 0; r == 0 && i < series->frame_count; i++) {
        r = series_read_frame(series, i, pixels, err);
        if (r == 0 && fwrite(pixels, sizeof(*pixels), n, out) != n)
            r = err_set(err, ERR_IO, "the frames cannot be written");
    }
    free(pixels);
    if (out && fclose(out) != 0 && r == 0)
        r = err_set(err, ERR_IO, "the frames cannot be written");
    return r;
}

static int dump(const char *folder, int number, const char *file, struct err *err)
{
    static struct instance_facts facts;
    auto_(series) struct series *series = NULL;
    int r = scan_file(file, &SCAN_LIMITS, &facts, err);
    if (r == 0 && !facts.plane.is_valid)
        facts.plane = (struct plane_facts){.is_valid = true};
    if (r == 0)
        r = dcm_read_series(&facts, &file, 1, &series, NULL, err);
    char path[4096];
    snprintf(path, sizeof(path), "%s/%d.f32", folder, number);
    if (r == 0)
        r = write_frames(series, path, err);
    if (r == 0)
        printf("%d %zu %zu %zu\n", number, series->frame_count, series->nx, series->ny);
    return r;
}

int main(int argc, char **argv)
{
    dcm_init();
    for (int i = 2; i < argc; i++) {
        struct err err = {0};
        const int r = dump(argv[1], i - 2, argv[i], &err);
        if (r < 0)
            printf("%d %s: %s\n", i - 2, err_name(r), err.text);
    }
    dcm_finish();
    return 0;
}
