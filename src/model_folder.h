/* model_folder: hilum model check FOLDER: a model with its card, or with what a card can be drafted from. */
#ifndef SRC_MODEL_FOLDER_H
#define SRC_MODEL_FOLDER_H

#include <stdbool.h>

struct err;

/**
 * Check the model of folder as the analyses would use it, and print what it is: its card, the
 * digest, the network's ports, and an answer to a patch of zeros. Without a card a draft is
 * printed, or written as folder/card.ucl when is_writing; then ERR_NOTFOUND says what is missing.
 *
 * Errors: those of card_read(), card_open(), segment_net_run() and card_draft(); ERR_CONFIG
 * is_writing and there is a card
 */
int model_folder_check(const char *folder, bool is_writing, int threads, struct err *err);

#endif
