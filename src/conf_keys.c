#include "src/conf_keys.h"

#include "base/err.h"
#include "pipeline/pipeline.h"

#include <stdio.h>
#include <stdlib.h>

#define TEXT(name, text, most, help)                    \
    {                                                   \
        name, SETTINGS_TEXT, text, 0, 0, most, "", help \
    }
#define INT(name, number, lo, hi, unit, help)                \
    {                                                        \
        name, SETTINGS_INT, NULL, number, lo, hi, unit, help \
    }
#define BOOL(name, number, help)                          \
    {                                                     \
        name, SETTINGS_BOOL, NULL, number, 0, 1, "", help \
    }
#define NAMES(name, help)                              \
    {                                                  \
        name, SETTINGS_NAMES, NULL, 0, 0, 64, "", help \
    }
#define END                                            \
    {                                                  \
        NULL, SETTINGS_TEXT, NULL, 0, 0, 0, NULL, NULL \
    }

static const struct settings_key NODE[] = {
    TEXT("ae_title", "HILUM", 16, "AE title under which peers call the node"),
    TEXT("address", "127.0.0.1", 64,
         "numeric IPv4 address to listen on; 0.0.0.0 for all"),
    INT("port", 11112, 0, 65535, "",
        "TCP port of the DICOM listener without encryption; 0: none"),
    BOOL("check_called_ae", 1, "reject associations that call another AE title"),
    TEXT("state_dir", "/var/lib/hilum", 200,
         "folder of index, storage, results and control socket; relative: to this file"),
    {"models", SETTINGS_NAMES, NULL, 0, 0, 200, "",
     "folders of model cards, absolute paths; [ ]: those that come with the program"},
    TEXT("device_serial", "0", 64, "serial number of the installation, in every result"),
    INT("stop_timeout_s", 20, 0, 3600, "s",
        "time that associations and jobs get to end when the node is told to stop"),
    END,
};

static const struct settings_key PEERS[] = {
    TEXT("ae_title", NULL, 16, "calling AE title that may open associations"),
    TEXT("address", "", 64, "numeric address that it must come from; \"\" for any"),
    BOOL("tls", 0, "it must come over TLS"),
    END,
};

static const struct settings_key TLS[] = {
    INT("port", 0, 0, 65535, "", "TCP port of the DICOM listener with TLS; 0: none"),
    TEXT("certificate", "", 200,
         "our certificate, PEM file, absolute path; SIGHUP reads it anew"),
    TEXT("private_key", "", 200, "its private key, PEM file without pass phrase"),
    TEXT("trusted", "", 200,
         "certificates of the authorities that sign those of peers, PEM file"),
    BOOL("needs_certificate", 1, "a peer must show a certificate that they signed"),
    END,
};

static const struct settings_key RECEIVE[] = {
    INT("receivers", 4, 1, 64, "",
        "warm processes; each serves one association at a time"),
    INT("associations_max", 64, 1, 1024, "",
        "associations served and waiting; more are turned away for the moment"),
    INT("pdu_bytes", 131072, 16384, 131072, "bytes", "largest PDU that is received"),
    INT("instance_bytes_max", 2147483648, 1048576, 8589934592, "bytes",
        "largest instance that is received; a larger one is answered A700"),
    INT("idle_timeout_s", 60, 1, 3600, "s", "between two messages of an association"),
    INT("dimse_timeout_s", 30, 1, 3600, "s",
        "for the association request, and between two parts of one message"),
    INT("association_timeout_s", 14400, 1, 604800, "s", "for an association as a whole"),
    INT("bytes_per_s_min", 1000, 0, 1000000000, "bytes a second",
        "a data set must come at this rate, averaged over dimse_timeout_s; 0: any"),
    INT("spool_free_bytes_min", 1073741824, 0, 1099511627776, "bytes",
        "free space below which C-STORE is answered A700"),
    INT("nesting_max", 16, 1, 31, "",
        "sequences nested in a data set; deeper is refused"),
    BOOL("accept_private", 0, "store private SOP classes too"),
    END,
};

static const struct settings_key STUDY[] = {
    INT("quiet_s", 60, 1, 3600, "s", "quiet time after which a study counts as complete"),
    INT("cap_s", 900, 10, 86400, "s",
        "time after its first image when it does in any case"),
    END,
};

static const struct settings_key WORK[] = {
    INT("workers", 1, 1, 64, "",
        "jobs that run at the same time, each in its own process"),
    INT("worker_threads", 0, 0, 256, "",
        "threads of a job; 0: the cores shared by workers"),
    INT("job_timeout_s", 600, 5, 86400, "s", "after which a job's process is ended"),
    INT("job_attempts_max", 3, 1, 20, "", "tries of a job before it fails"),
    INT("job_memory_max_bytes", 6442450944, 268435456, 1099511627776, "bytes",
        "memory of a job's process; beyond it, it is ended"),
    END,
};

static const struct settings_key DESTINATIONS[] = {
    TEXT("name", NULL, 64, "name by which rules call it"),
    TEXT("ae_title", NULL, 16, "AE title of the PACS"),
    TEXT("host", NULL, 200, "its address or host name"),
    INT("port", 104, 1, 65535, "", "its TCP port"),
    BOOL("tls", 0, "send over TLS; its certificate must be signed by tls.trusted"),
    INT("connect_timeout_s", 10, 1, 300, "s", "for a connection to come about"),
    INT("dimse_timeout_s", 60, 1, 3600, "s", "for an answer"),
    INT("attempts_max", 50, 1, 1000, "", "tries of an object before it is a dead letter"),
    INT("backoff_first_s", 5, 1, 3600, "s", "wait after the first failure; then doubled"),
    INT("backoff_max_s", 600, 1, 86400, "s", "longest wait between two tries"),
    END,
};

static const struct settings_key RULES[] = {
    TEXT("name", NULL, 64, "name of the rule, in jobs and logs"),
    TEXT("calling_ae", "", 200, "who sent the study; pattern, \"\" for any"),
    TEXT("modality", "", 200, "a series' Modality; pattern, \"\" for any"),
    TEXT("body_part", "", 200, "its BodyPartExamined; pattern, \"\" for any"),
    TEXT("study_description", "", 200, "StudyDescription; pattern, \"\" for any"),
    TEXT("series_description", "", 200, "SeriesDescription; pattern, \"\" for any"),
    TEXT("protocol", "", 200, "ProtocolName; pattern, \"\" for any"),
    NAMES("analyses", "analyses that are asked whether they want the study"),
    NAMES("destinations", "where the results go"),
    INT("quiet_s", 0, 0, 3600, "s",
        "quiet time of the study where it is shorter than study.quiet_s; 0: that"),
    INT("priority", 0, -1000, 1000, "", "higher goes first"),
    END,
};

static const struct settings_section FIXED[] = {
    {"node", false, NODE},
    {"peers", true, PEERS},
    {"tls", false, TLS},
    {"receive", false, RECEIVE},
    {"study", false, STUDY},
    {"work", false, WORK},
    {"destinations", true, DESTINATIONS},
    {"rules", true, RULES},
};
enum { FIXED_COUNT = sizeof(FIXED) / sizeof(FIXED[0]) };

struct conf_keys {
    size_t count;
    struct settings_section *sections; // [count + 1]
    char (*names)[80];                 // of the analyses' sections
};

/* The options of an analysis as keys of its section. */
static struct settings_key *option_keys(const struct pipeline_def *def)
{
    size_t count = 0;
    while (def->options && def->options[count].name)
        count++;
    struct settings_key *keys = calloc(count + 1, sizeof(*keys));
    for (size_t i = 0; keys && i < count; i++) {
        const struct pipeline_option_def *o = &def->options[i];
        keys[i] = (struct settings_key){o->name, SETTINGS_REAL, NULL,    o->initial,
                                        o->lo,   o->hi,         o->unit, o->help};
    }
    return keys;
}

int conf_keys_create(struct conf_keys **ret, struct err *err)
{
    size_t analyses = 0;
    while (pipeline_table[analyses])
        analyses++;

    auto_(conf_keys) struct conf_keys *keys = calloc(1, sizeof(*keys));
    if (!keys)
        return err_set(err, ERR_NOMEM, "the keys of the configuration");
    keys->sections = calloc(FIXED_COUNT + analyses + 1, sizeof(*keys->sections));
    keys->names = calloc(analyses + 1, sizeof(*keys->names));
    if (!keys->sections || !keys->names)
        return err_set(err, ERR_NOMEM, "the keys of the configuration");

    for (size_t i = 0; i < FIXED_COUNT; i++)
        keys->sections[i] = FIXED[i];
    for (size_t i = 0; i < analyses; i++) {
        struct settings_section *section = &keys->sections[FIXED_COUNT + i];
        snprintf(keys->names[i], sizeof(keys->names[i]), "analysis.%s",
                 pipeline_table[i]->name);
        section->name = keys->names[i];
        section->keys = option_keys(pipeline_table[i]);
        keys->count++;
        if (!section->keys)
            return err_set(err, ERR_NOMEM, "the keys of the configuration");
    }
    *ret = take(keys);
    return 0;
}

void conf_keys_destroy(struct conf_keys *keys)
{
    if (!keys)
        return;
    for (size_t i = 0; i < keys->count; i++)
        free((void *)(uintptr_t)keys->sections[FIXED_COUNT + i].keys);
    free(keys->sections);
    free(keys->names);
    free(keys);
}

const struct settings_section *conf_keys_sections(const struct conf_keys *keys)
{
    return keys->sections;
}
