/*
 * cmd: the subcommands of the program. Each parses its own words (argv[0] is its name),
 * explains itself with --help, and gives the exit status.
 */
#ifndef SRC_CMD_H
#define SRC_CMD_H

enum {
    CMD_DONE = 0,
    CMD_FAILED = 1,
    CMD_USAGE = 2,
    CMD_NOTHING = 3, // no analysis applies
    CMD_REFUSED = 4, // a quality check refused
};

#define CMD_CONFIG "/etc/hilum/hilum.conf" // where --config looks when it is not given

int cmd_serve(int argc, char **argv);
int cmd_run(int argc, char **argv);
int cmd_status(int argc, char **argv);
int cmd_send(int argc, char **argv);
int cmd_check_config(int argc, char **argv);
int cmd_replay(int argc, char **argv);
int cmd_release(int argc, char **argv);
int cmd_model(int argc, char **argv);
int cmd_bench(int argc, char **argv);

struct err;
/** "hilum COMMAND: text" to stderr; gives CMD_FAILED. */
int cmd_fail(const char *command, const struct err *err);
/** "hilum COMMAND: fmt; see --help" to stderr; gives CMD_USAGE. */
__attribute__((format(printf, 2, 3))) int cmd_misused(const char *command,
                                                      const char *fmt, ...);

#endif
