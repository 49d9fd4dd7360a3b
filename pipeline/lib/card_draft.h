/*
 * card_draft: the card of a model that came without one, from what lies beside it.
 *
 * Reads nnU-Net's plans.json and dataset.json (v1 and v2), MONAI's metadata.json and
 * inference.json (also in configs/), and takes the one ONNX file of the folder. What they do
 * not say stands in the draft as a comment that says "must be given": intended use, codes of
 * labels that are not well known. A draft is to be read and completed by a person.
 */
#ifndef PIPELINE_LIB_CARD_DRAFT_H
#define PIPELINE_LIB_CARD_DRAFT_H

#include <stddef.h>

struct err;

/**
 * Draft the card of the model in folder; *ret is the text, to be freed with free(), and
 * *ret_missing how many keys it says must be given.
 *
 * Errors: ERR_NOTFOUND no ONNX file, or several; ERR_FORMAT a JSON file that is not;
 * ERR_IO; ERR_NOMEM
 */
int card_draft(const char *folder, char **ret, size_t *ret_missing, struct err *err);

#endif
