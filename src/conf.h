/*
 * conf: what the operator has configured, checked and with defaults filled in.
 *
 * Read once at start (and on check-config); immutable after. conf/hilum.conf shows every
 * key with unit, range and default; a test holds the two together.
 */
#ifndef SRC_CONF_H
#define SRC_CONF_H

#include "base/auto.h"
#include "pipeline/pipeline.h"
#include "scp/dcm_tls.h"
#include "scp/scan.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct err;
struct models;

#define CONF_TEXT  256
#define CONF_NAMES 16

struct conf_destination {
    char name[CONF_TEXT], ae_title[17], host[CONF_TEXT];
    int port;
    int connect_timeout_s, dimse_timeout_s;
    bool tls;
    int attempts_max;                   // then dead letter
    int backoff_first_s, backoff_max_s; // doubled each time, with jitter
};

/** Who may speak; an empty list means: whoever reaches the port. */
struct conf_peer {
    char ae_title[17];
    char address[CONF_TEXT]; // numeric address, "" for any
    bool tls;                // it must come encrypted
};

/** Encryption; paths are absolute, "" when nothing is encrypted. */
struct conf_tls {
    int port; // 0: no listener
    char certificate[CONF_TEXT], private_key[CONF_TEXT], trusted[CONF_TEXT];
    bool needs_certificate; // of peers
};

/** Which studies go to which analyses, and where the results go. */
struct conf_rule {
    char name[CONF_TEXT];
    /* Conditions; "" means any. Patterns are shell globs without case (fnmatch). */
    char calling_ae[CONF_TEXT], modality[CONF_TEXT], body_part[CONF_TEXT];
    char study_description[CONF_TEXT], series_description[CONF_TEXT], protocol[CONF_TEXT];
    char analyses[CONF_NAMES][CONF_TEXT];
    size_t analysis_count;
    char destinations[CONF_NAMES][CONF_TEXT];
    size_t destination_count;
    int quiet_s; // of the study, when this rule's conditions match
    int priority;
};

/** Options of one analysis: section analysis.<name> of the file. */
struct conf_analysis {
    const struct pipeline_def *def;
    struct pipeline_option *options; // [option_count], all of def's, in its order
    size_t option_count;
};

struct conf {
    char path[CONF_TEXT]; // of the file; "" for built-in defaults

    /* node */
    char ae_title[17], address[CONF_TEXT];
    int port; // 0: no listener without TLS
    bool check_called_ae;
    char state_dir
        [CONF_TEXT]; // index, storage, spool, results and control socket live here
    char device_serial[CONF_TEXT];
    char model_paths[CONF_NAMES][CONF_TEXT];
    const char *model_folders[CONF_NAMES]; // [model_folder_count], into model_paths
    size_t model_folder_count;
    struct models *models; // the analyses that cards of these folders make
    int stop_timeout_s;    // for what is under way when told to stop
    struct conf_tls tls;
    struct conf_peer *peers;
    size_t peer_count;

    /* receive */
    int receivers;        // warm processes; each serves one association at a time
    int associations_max; // served and waiting; more are rejected as transient
    int64_t pdu_bytes, instance_bytes_max;
    int idle_timeout_s, dimse_timeout_s, association_timeout_s;
    int64_t bytes_per_s_min;      // of a data set that arrives
    int64_t spool_free_bytes_min; // below it: A700
    int nesting_max;              // nested sequences in a data set
    bool accept_private;

    /* study */
    int quiet_s, cap_s; // default quiet time; hard cap from the first instance

    /* work */
    int workers, worker_threads;
    int job_timeout_s, job_attempts_max;
    int64_t job_memory_max_bytes;

    struct conf_destination *destinations;
    size_t destination_count;
    struct conf_rule *rules; // in the order of the file
    size_t rule_count;
    struct conf_analysis *analyses; // those built in, then those of model cards
    size_t analysis_count;
};

/** Read and check the file at path. Errors: ERR_CONFIG (file, line, key and what was
 * expected), ERR_IO, ERR_NOMEM. */
int conf_read(const char *path, struct conf **ret, struct err *err);
/** The built-in defaults, as an empty file gives them. Errors: ERR_NOMEM. */
int conf_defaults(struct conf **ret, struct err *err);
void conf_destroy(struct conf *conf);

/** Whether the files that it names can be used. Blocks. Errors: ERR_CONFIG. */
int conf_check_files(const struct conf *conf, struct err *err);
/** Make live what fresh says, and fresh what live was, for a node that runs. The node's own
 * section, ports, numbers of processes and destinations stay: they are parts of what runs.
 * Errors: ERR_CONFIG  one of those differs, and which; nothing is changed */
int conf_renew(struct conf *live, struct conf *fresh, struct err *err);

/** What the receive section allows of an instance. */
struct scan_limits conf_scan_limits(const struct conf *conf);
/** Whether anything is encrypted, and then how; strings are conf's. */
bool conf_dcm_tls(const struct conf *conf, struct dcm_tls *ret);
/** By name, or NULL. */
const struct conf_destination *conf_destination(const struct conf *conf,
                                                const char *name);
const struct conf_analysis *conf_analysis(const struct conf *conf, const char *name);

AUTO_DEFINE(conf)

#endif
