/* cmd_send: hilum send: DICOM files to a peer. */
#include "base/err.h"
#include "base/file.h"
#include "base/list.h"
#include "scp/dcm.h"
#include "scp/dcm_send.h"
#include "scp/scan.h"
#include "src/cmd.h"
#include "src/progress.h"

#include <getopt.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char HELP[] =
    "usage: hilum send [--called TITLE] [--calling TITLE] HOST PORT PATH...\n\n"
    "Stores the DICOM files at PATH (files and folders) to the node at HOST and PORT, "
    "each "
    "in its own\ntransfer syntax. Other files are left out and counted.\n\n"
    "  --called TITLE   AE title of the peer (ANY-SCP)\n"
    "  --calling TITLE  our AE title (HILUM)\n"
    "  --quiet          no progress\n\n"
    "Exit status 0 if all were stored.\n";

static const struct option OPTIONS[] = {
    {"called", required_argument, NULL, 'd'},
    {"calling", required_argument, NULL, 'g'},
    {"quiet", no_argument, NULL, 'q'},
    {"help", no_argument, NULL, 'h'},
    {NULL, 0, NULL, 0},
};

enum { CONNECT_TIMEOUT_S = 10, DIMSE_TIMEOUT_S = 60, PDU_BYTES = 131072 };

LIST_DEFINE(path_list, char *)

struct sending {
    struct path_list paths;
    struct progress progress;
    size_t done, stored, failed, left_out;
};

static int add_file(void *ctx, const char *path, int64_t size, struct err *err)
{
    struct sending *s = ctx;
    (void)size;
    struct instance_facts *facts = malloc(sizeof(*facts));
    const bool is_dicom = facts && scan_file(path, &SCAN_LIMITS, facts, NULL) == 0;
    free(facts);
    if (!is_dicom) {
        s->left_out++;
        return 0;
    }
    char **place = path_list_add(&s->paths);
    char *copy = place ? strdup(path) : NULL;
    if (!copy)
        return err_set(err, ERR_NOMEM, "%zu files", s->paths.count);
    *place = copy;
    return 0;
}

static bool sent(void *ctx, size_t index, const struct dcm_send_outcome *outcome)
{
    struct sending *s = ctx;
    char stage[80];
    s->done++;
    if (outcome->fault == DCM_SEND_OK) {
        s->stored++;
    } else if (s->failed++ < 10) { // the rest is counted
        progress_end(&s->progress, NULL);
        fprintf(stderr, "hilum send: %s: %s: %s\n", s->paths.items[index],
                dcm_send_fault_name(outcome->fault), outcome->text);
    }
    snprintf(stage, sizeof(stage), "sending %zu files", s->paths.count);
    progress_show(&s->progress, stage, (double)s->done / (double)s->paths.count);
    return true;
}

static int send_all(struct sending *s, const struct dcm_destination *to,
                    char *const *roots, int count)
{
    struct err err = {0};
    for (int i = 0; i < count; i++) {
        if (file_walk_links(roots[i], add_file, s, &err) < 0)
            return cmd_fail("send", &err);
    }
    if (s->paths.count == 0) {
        fprintf(stderr, "hilum send: no DICOM file there (%zu others)\n", s->left_out);
        return CMD_FAILED;
    }
    dcm_init();
    const int r =
        dcm_send(to, (const char *const *)s->paths.items, s->paths.count, sent, s, &err);
    dcm_finish();
    progress_end(&s->progress, NULL);
    printf("%zu stored, %zu not stored, %zu other files left out\n", s->stored, s->failed,
           s->left_out);
    if (r < 0)
        return cmd_fail("send", &err);
    return s->failed ? CMD_FAILED : CMD_DONE;
}

static bool read_port(const char *text, uint16_t *ret)
{
    char *end;
    const long port = strtol(text, &end, 10);
    *ret = (uint16_t)port;
    return *end == '\0' && port >= 1 && port <= 65535;
}

int cmd_send(int argc, char **argv)
{
    struct dcm_destination to = {
        .called_ae = "ANY-SCP",
        .calling_ae = "HILUM",
        .connect_timeout_s = CONNECT_TIMEOUT_S,
        .dimse_timeout_s = DIMSE_TIMEOUT_S,
        .pdu_bytes = PDU_BYTES,
    };
    bool is_quiet = false;
    int c;
    optind = 1;
    while ((c = getopt_long(argc, argv, "d:g:qh", OPTIONS, NULL)) != -1) {
        switch (c) {
        case 'd':
            to.called_ae = optarg;
            break;
        case 'g':
            to.calling_ae = optarg;
            break;
        case 'q':
            is_quiet = true;
            break;
        case 'h':
            fputs(HELP, stdout);
            return CMD_DONE;
        default:
            return CMD_USAGE;
        }
    }
    if (argc - optind < 3)
        return cmd_misused("send", "HOST, PORT and at least one PATH are needed");
    to.host = argv[optind];
    if (!read_port(argv[optind + 1], &to.port))
        return cmd_misused("send", "'%s' is no port", argv[optind + 1]);
    if (strlen(to.called_ae) > 16 || strlen(to.calling_ae) > 16)
        return cmd_misused("send", "an AE title has at most 16 characters");

    struct sending s = {0};
    progress_begin(&s.progress, is_quiet);
    const int status = send_all(&s, &to, argv + optind + 2, argc - optind - 2);
    for (size_t i = 0; i < s.paths.count; i++)
        free(s.paths.items[i]);
    path_list_finish(&s.paths);
    return status;
}
