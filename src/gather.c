#include "src/gather.h"

#include "base/err.h"
#include "base/file.h"
#include "base/list.h"
#include "scp/scan.h"
#include "src/places.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct found {
    struct instance_facts facts;
    char *path;
};

LIST_DEFINE(found_list, struct found *)
LIST_DEFINE(gathered_list, struct gather_study)

struct gather {
    const struct gather_hooks *hooks;
    size_t looked;
    struct found_list found;
    struct gathered_list studies;
};

static void copy_text(char *ret, size_t size, const char *text)
{
    snprintf(ret, size, "%s", text);
}
#define COPY(field, text) copy_text(field, sizeof(field), text)

/* ---- files ---- */

static int look(void *ctx, const char *path, int64_t size, struct err *err)
{
    struct gather *gather = ctx;
    (void)size;
    if (gather->hooks->looked)
        gather->hooks->looked(gather->hooks->ctx, ++gather->looked);

    struct found *found = calloc(1, sizeof(*found));
    struct found **place = found ? found_list_add(&gather->found) : NULL;
    if (!place) {
        free(found);
        return err_set(err, ERR_NOMEM, "%zu files", gather->looked);
    }
    *place = found;
    found->path = strdup(path);
    if (!found->path)
        return err_set(err, ERR_NOMEM, "%zu files", gather->looked);

    struct err why = {0};
    if (scan_file(path, &SCAN_LIMITS, &found->facts, &why) == 0)
        return 0;
    if (gather->hooks->left_out)
        gather->hooks->left_out(gather->hooks->ctx, path, why.text);
    gather->found.count--;
    free(found->path);
    free(found);
    return 0;
}

static int by_uids(const void *a, const void *b)
{
    const struct instance_facts *x = &(*(struct found *const *)a)->facts;
    const struct instance_facts *y = &(*(struct found *const *)b)->facts;
    int order = strcmp(x->study_uid, y->study_uid);
    if (order == 0)
        order = x->series_number - y->series_number;
    if (order == 0)
        order = strcmp(x->series_uid, y->series_uid);
    return order ? order : strcmp(x->sop_uid, y->sop_uid);
}

/* Drop instances that came twice; found is sorted. */
static void drop_repeated(struct found_list *found)
{
    size_t kept = 0;
    for (size_t i = 0; i < found->count; i++) {
        struct found *f = found->items[i];
        if (kept > 0
            && strcmp(f->facts.sop_uid, found->items[kept - 1]->facts.sop_uid) == 0) {
            free(f->path);
            free(f);
            continue;
        }
        found->items[kept++] = f;
    }
    found->count = kept;
}

/* ---- series ---- */

static void describe_series(struct series_facts *s, const struct instance_facts *f,
                            int64_t id)
{
    s->id = id;
    COPY(s->uid, f->series_uid);
    COPY(s->frame_of_reference_uid, f->frame_of_reference_uid);
    COPY(s->sop_class, f->sop_class);
    COPY(s->modality, f->modality);
    COPY(s->body_part, f->body_part);
    COPY(s->description, f->series_description);
    COPY(s->protocol, f->protocol);
    COPY(s->contrast_agent, f->contrast_agent);
    COPY(s->image_type, f->image_type);
    COPY(s->manufacturer, f->manufacturer);
    s->number = f->series_number;
    s->rows = f->pixels.rows;
    s->columns = f->pixels.columns;
    s->thickness_mm = f->plane.is_valid ? f->plane.thickness_mm : (double)NAN;
}

/* How many frames a series has and where they lie. files: [count]. */
static int place_series(struct series_facts *s, struct found *const *files, size_t count,
                        struct err *err)
{
    struct place_list places = {0};
    int r = 0;
    for (size_t i = 0; r == 0 && i < count; i++) {
        const struct instance_facts *f = &files[i]->facts;
        const int images = f->stack.frames > 0 ? f->stack.frames : f->pixels.frames;
        s->frames += f->pixels.rows > 0 ? images : 0;
        if (!f->plane.is_valid)
            continue;
        if (places.count == 0) {
            memcpy(s->orientation, f->plane.orientation, sizeof(s->orientation));
            s->thickness_mm = f->plane.thickness_mm;
        }
        r = places_add(&places, &f->stack, err);
    }
    places_tell(&places, s);
    place_list_finish(&places);
    return r;
}

/* ---- studies ---- */

static size_t count_series(struct found *const *files, size_t count)
{
    size_t series = 0;
    for (size_t i = 0; i < count; i++)
        series +=
            i == 0 || strcmp(files[i]->facts.series_uid, files[i - 1]->facts.series_uid);
    return series;
}

static int add_study(struct gather *gather, struct found *const *files, size_t count,
                     struct err *err)
{
    struct gather_study *study = gathered_list_add(&gather->studies);
    if (!study)
        return err_set(err, ERR_NOMEM, "a study of %zu files", count);
    const size_t series_count = count_series(files, count);
    struct series_facts *series = calloc(series_count, sizeof(*series));
    study->facts.series = series;
    study->paths = calloc(count, sizeof(*study->paths));
    study->series_ids = calloc(count, sizeof(*study->series_ids));
    if (!series || !study->paths || !study->series_ids)
        return err_set(err, ERR_NOMEM, "a study of %zu files", count);
    study->facts.series_count = series_count;
    study->count = count;
    COPY(study->facts.uid, files[0]->facts.study_uid);
    COPY(study->facts.description, files[0]->facts.study_description);

    size_t n = 0;
    int r = 0;
    for (size_t i = 0, end; r == 0 && i < count; i = end, n++) {
        end = i + 1;
        while (end < count
               && strcmp(files[end]->facts.series_uid, files[i]->facts.series_uid) == 0)
            end++;
        describe_series(&series[n], &files[i]->facts, (int64_t)n + 1);
        r = place_series(&series[n], files + i, end - i, err);
        for (size_t k = i; k < end; k++) {
            study->paths[k] = files[k]->path;
            study->series_ids[k] = (int64_t)n + 1;
        }
    }
    return r;
}

static int group(struct gather *gather, struct err *err)
{
    struct found_list *found = &gather->found;
    if (found->count > 0)
        qsort((void *)found->items, found->count, sizeof(struct found *), by_uids);
    drop_repeated(found);
    int r = 0;
    for (size_t i = 0, end; r == 0 && i < found->count; i = end) {
        end = i + 1;
        while (end < found->count
               && strcmp(found->items[end]->facts.study_uid,
                         found->items[i]->facts.study_uid)
                      == 0)
            end++;
        r = add_study(gather, found->items + i, end - i, err);
    }
    return r;
}

int gather_create(const char *const *roots, size_t count,
                  const struct gather_hooks *hooks, struct gather **ret, struct err *err)
{
    auto_(gather) struct gather *gather = calloc(1, sizeof(*gather));
    if (!gather)
        return err_set(err, ERR_NOMEM, "studies");
    gather->hooks = hooks;
    int r = 0;
    for (size_t i = 0; r == 0 && i < count; i++)
        r = file_walk_links(roots[i], look, gather, err);
    if (r == 0)
        r = group(gather, err);
    if (r == 0)
        *ret = take(gather);
    return r;
}

void gather_destroy(struct gather *gather)
{
    if (!gather)
        return;
    for (size_t i = 0; i < gather->studies.count; i++) {
        struct gather_study *study = &gather->studies.items[i];
        free((void *)(uintptr_t)study->facts.series);
        free((void *)study->paths);
        free(study->series_ids);
    }
    for (size_t i = 0; i < gather->found.count; i++) {
        free(gather->found.items[i]->path);
        free(gather->found.items[i]);
    }
    gathered_list_finish(&gather->studies);
    found_list_finish(&gather->found);
    free(gather);
}

size_t gather_count(const struct gather *gather)
{
    return gather->studies.count;
}

const struct gather_study *gather_study(const struct gather *gather, size_t i)
{
    return &gather->studies.items[i];
}
