#include "pipeline/segment/models.h"

#include "base/err.h"
#include "base/file.h"
#include "pipeline/lib/card.h"
#include "pipeline/segment/segment.h"

#include <dirent.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct models {
    struct card *cards[MODELS_MAX];
    struct pipeline_def defs[MODELS_MAX];
    size_t count;
    char problems[MODELS_MAX][sizeof(((struct err *)0)->text)];
    size_t problem_count;
};

static void add_problem(struct models *models, const struct err *err)
{
    if (models->problem_count < MODELS_MAX)
        snprintf(models->problems[models->problem_count++], sizeof(models->problems[0]),
                 "%s", err->text);
}

static bool is_taken(const struct models *models, const char *name)
{
    for (size_t i = 0; i < models->count; i++) {
        if (strcmp(models->cards[i]->name, name) == 0)
            return true;
    }
    return false;
}

/** Whether the card makes an analysis; what stands against it is a problem. */
static bool is_analysis(struct models *models, const struct card *card,
                        const char *folder_name)
{
    struct err err = {0};
    if (card->analysis[0] || is_taken(models, card->name))
        return false;
    if (pipeline_find(card->name))
        err_set(&err, ERR_CONFIG, "%.150s: card.name: an analysis is called %.40s",
                card->path, card->name);
    else if (strcmp(card->name, folder_name) != 0)
        err_set(&err, ERR_CONFIG, "%.150s: card.name: expected %.40s, as its folder",
                card->path, folder_name);
    else if (card->task != CARD_SEGMENTATION)
        err_set(&err, ERR_UNSUPPORTED,
                "%.150s: card.task: only segmentation can be run by itself yet",
                card->path);
    if (err.code == 0)
        return true;
    add_problem(models, &err);
    return false;
}

static void add_card(struct models *models, const char *folder, const char *name)
{
    char file[300], path[FILE_PATH];
    struct err err = {0};
    auto_(card) struct card *card = NULL;
    snprintf(file, sizeof(file), "%.255s/card.ucl", name);
    int r = file_join(folder, file, path, &err);
    if (r == 0)
        r = card_read(path, &card, &err);
    if (r == ERR_NOTFOUND)
        return; // some other folder
    if (r < 0) {
        add_problem(models, &err);
    } else if (is_analysis(models, card, name)) {
        models->defs[models->count] = segment_pipeline(card);
        models->cards[models->count++] = take(card);
    }
}

static int is_visible(const struct dirent *entry)
{
    return entry->d_name[0] != '.';
}

int models_create(const char *const *folders, size_t folder_count, struct models **ret,
                  struct err *err)
{
    struct models *models = calloc(1, sizeof(*models));
    if (!models)
        return err_set(err, ERR_NOMEM, "the models");
    for (size_t i = 0; i < folder_count; i++) {
        struct dirent **entries = NULL;
        const int n = scandir(folders[i], &entries, is_visible, alphasort);
        for (int k = 0; k < n; k++) {
            if (models->count < MODELS_MAX)
                add_card(models, folders[i], entries[k]->d_name);
            free(entries[k]);
        }
        free((void *)entries);
    }
    *ret = models;
    return 0;
}

void models_destroy(struct models *models)
{
    if (!models)
        return;
    for (size_t i = 0; i < models->count; i++)
        card_destroy(models->cards[i]);
    free(models);
}

size_t models_count(const struct models *models)
{
    return models->count;
}

const struct pipeline_def *models_at(const struct models *models, size_t i)
{
    return &models->defs[i];
}

size_t models_problems(const struct models *models)
{
    return models->problem_count;
}

const char *models_problem(const struct models *models, size_t i)
{
    return models->problems[i];
}
