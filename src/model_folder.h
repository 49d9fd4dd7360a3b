/* model_folder: hilum model check and calibrate FOLDER: a model with its card, or with what a card can be drafted from. */
#ifndef SRC_MODEL_FOLDER_H
#define SRC_MODEL_FOLDER_H

#include <stdbool.h>

struct err;
struct model_calibrate;

/**
 * Check the model of folder as the analyses would use it, and print what it is: its card, the
 * digest, the network's ports, and an answer to a patch of zeros. Without a card a draft is
 * printed, or written as folder/card.ucl when is_writing; then ERR_NOTFOUND says what is missing.
 *
 * Errors: those of card_read(), card_open(), segment_net_run() and card_draft(); ERR_CONFIG
 * is_writing and there is a card
 */
int model_folder_check(const char *folder, bool is_writing, int threads, struct err *err);

/**
 * Calibrate the weights that the card of folder m->model names, as model_calibrate(); the
 * calibration lies beside them, by their name if m->out is NULL, in folder in any case. Prints
 * the lines with which the card runs in 8 bits; the card itself stays as it is.
 *
 * Errors: those of card_read(), card_open() and model_calibrate(); ERR_CONFIG out is elsewhere
 */
int model_folder_calibrate(const struct model_calibrate *m, struct err *err);

#endif
