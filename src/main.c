/* main: the program. Finds the subcommand; everything else is in its own file. */
#include "src/child_main.h"
#include "src/cmd.h"

#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static const struct {
    const char *name, *summary;
    int (*run)(int argc, char **argv);
    bool computes; // on threads of OpenMP, in this process or in its children
} COMMANDS[] = {
    {"serve", "receive studies, analyse them, return results: the node", cmd_serve, true},
    {"run", "analyse DICOM files without a network", cmd_run, true},
    {"status", "what a running node has, does and could not do", cmd_status, false},
    {"send", "store DICOM files to another node", cmd_send, false},
    {"replay", "try dead letters and failed jobs again", cmd_replay, false},
    {"release", "take a study as complete now", cmd_release, false},
    {"model", "look at, check and run networks", cmd_model, true},
    {"bench", "how fast networks run on this machine", cmd_bench, true},
    {"check-config", "check a configuration file", cmd_check_config, false},
};
enum { COMMAND_COUNT = sizeof(COMMANDS) / sizeof(COMMANDS[0]) };

static const char CHILD[] = "--child=";

static void usage(FILE *to)
{
    fputs("usage: hilum COMMAND ...\n\nA DICOM node that reads: it analyses what it "
          "receives "
          "and returns the results.\n\n",
          to);
    for (int i = 0; i < COMMAND_COUNT; i++)
        fprintf(to, "  %-13s %s\n", COMMANDS[i].name, COMMANDS[i].summary);
    fputs("\nhilum COMMAND --help explains one; hilum --version says which this is.\n"
          "Exit status: 0 done, 1 failed, 2 usage, 3 nothing applies, 4 refused by a "
          "quality check.\n",
          to);
}

/* The node's own children: not for people. */
static int run_child(int argc, char **argv)
{
    if (argc != 4)
        return CMD_USAGE;
    return child_main(argv[1] + strlen(CHILD), argv[2], argv[3]);
}

/** libgomp reads how its threads shall wait when it loads, and without a word they burn the
 * cores that others need: so the program begins again with the word said. */
static void wait_passively(char **argv)
{
    if (getenv("OMP_WAIT_POLICY"))
        return;
    setenv("OMP_WAIT_POLICY", "passive", 1);
    execv("/proc/self/exe", argv);
}

int main(int argc, char **argv)
{
    const char *word = argc > 1 ? argv[1] : "";
    if (strncmp(word, CHILD, strlen(CHILD)) == 0)
        return run_child(argc, argv);
    if (strcmp(word, "--version") == 0) {
        puts("hilum " HILUM_VERSION);
        return CMD_DONE;
    }
    if (strcmp(word, "--help") == 0 || strcmp(word, "-h") == 0) {
        usage(stdout);
        return CMD_DONE;
    }
    for (int i = 0; i < COMMAND_COUNT; i++) {
        if (strcmp(word, COMMANDS[i].name) != 0)
            continue;
        if (COMMANDS[i].computes)
            wait_passively(argv);
        return COMMANDS[i].run(argc - 1, argv + 1);
    }
    if (word[0])
        fprintf(stderr, "hilum: there is no command '%s'\n", word);
    usage(stderr);
    return CMD_USAGE;
}
