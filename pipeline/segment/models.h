/*
 * models: every model card that is an analysis by itself, as the analyses they make.
 *
 * A hospital drops a folder with card.ucl and an ONNX file into a folder of models; here it
 * becomes a struct pipeline_def like those built in. Cards that belong to an analysis of the
 * tree (card.analysis) are left to it. A card that cannot be used makes a problem, told in
 * words, and hinders no other.
 */
#ifndef PIPELINE_SEGMENT_MODELS_H
#define PIPELINE_SEGMENT_MODELS_H

#include "base/auto.h"
#include "pipeline/pipeline.h"

#include <stddef.h>

struct err;
struct models;

enum { MODELS_MAX = 256 };

/**
 * Read the cards folder/<name>/card.ucl of all folders, in the order of folders and names.
 * What two folders have, the first gives. A folder that is not there has none.
 *
 * Errors: ERR_NOMEM
 */
int models_create(const char *const *folders, size_t folder_count, struct models **ret,
                  struct err *err);
/** Free models and the descriptors that it made; NULL is allowed. */
void models_destroy(struct models *models);

/** The analyses; they live as long as models. */
size_t models_count(const struct models *models);
const struct pipeline_def *models_at(const struct models *models, size_t i);
/** What keeps cards from being used: "models/liver/card.ucl:7: input.patch: must be given". */
size_t models_problems(const struct models *models);
const char *models_problem(const struct models *models, size_t i);

AUTO_DEFINE(models)

#endif
