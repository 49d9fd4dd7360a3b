/* cmd_model: `hilum model`: look at, check and run networks. */
#ifndef SRC_CMD_MODEL_H
#define SRC_CMD_MODEL_H

/** argv[0] is "model". Returns the exit status: 0, 1 for a failure, 2 for wrong usage. */
int cmd_model(int argc, char **argv);

#endif
