/*
 * child_main: what `hilum --child=KIND CONF STATE_DIR` runs. Blocking; each serves messages
 * on descriptor 3 until that ends.
 */
#ifndef SRC_CHILD_MAIN_H
#define SRC_CHILD_MAIN_H

struct conf;

/** Run the child of that kind with the node's configuration. Gives the exit status. */
int child_main(const char *kind, const char *conf_path, const char *state_dir);

int receiver_main(const struct conf *conf);
int worker_main(const struct conf *conf);
int sender_main(const struct conf *conf);

#endif
