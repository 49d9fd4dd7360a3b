#include "src/metrics.h"

#include "base/js.h"

#include <stdbool.h>
#include <stddef.h>
#include <string.h>

/* One number of the status, or one for each value of a label. */
struct metric {
    const char *name, *type, *help;
    const char *group, *key; // of the status; group NULL: at its top
    const char *label;       // NULL: none; else key begins the members of its values
    const char *const *values;
};

static const char *const JOB_STATES[] = {"queued", "running", "sending",    "done",
                                         "failed", "refused", "superseded", NULL};
static const char *const DELIVERY_STATES[] = {"pending", "sent", "dead", NULL};

static const struct metric METRICS[] = {
    {"hilum_start_time_seconds", "gauge", "When the node started, since 1970.", NULL,
     "started_s", NULL, NULL},
    {"hilum_stopping", "gauge", "1 when the node takes no more associations.", NULL,
     "is_stopping", NULL, NULL},
    {"hilum_associations", "gauge", "Associations that are served.", "receive",
     "associations", NULL, NULL},
    {"hilum_associations_total", "counter", "Connections since the start.", "receive",
     "associations_total", NULL, NULL},
    {"hilum_associations_rejected_total", "counter",
     "Of those, never admitted: rejected, or ended before.", "receive", "rejected_total",
     NULL, NULL},
    {"hilum_instances_stored_total", "counter",
     "C-STOREs answered Success, repeated ones too.", "receive", "stored_total", NULL,
     NULL},
    {"hilum_messages_refused_total", "counter", "Messages answered with a failure.",
     "receive", "refused_total", NULL, NULL},
    {"hilum_received_bytes_total", "counter", "Bytes of data sets.", "receive",
     "bytes_total", NULL, NULL},
    {"hilum_receiver_processes", "gauge", "Receivers that run.", "receive", "processes",
     NULL, NULL},
    {"hilum_studies", "gauge", "Studies in the index.", "counts", "studies", NULL, NULL},
    {"hilum_studies_open", "gauge", "Of those, not complete yet.", "counts",
     "studies_open", NULL, NULL},
    {"hilum_instances", "gauge", "Instances in the index.", "counts", "instances", NULL,
     NULL},
    {"hilum_jobs", "gauge", "Jobs in the index.", "counts", "jobs_", "state", JOB_STATES},
    {"hilum_deliveries", "gauge", "Objects to destinations.", "counts", "deliveries_",
     "state", DELIVERY_STATES},
};

/* A flag is a number here. */
static long long number(const struct js *group, const char *key)
{
    return js_get_bool(group, key) ? 1 : (long long)js_get_int(group, key);
}

static void print_metric(const struct metric *m, const struct js *status, FILE *out)
{
    const struct js *group = m->group ? js_get(status, m->group) : status;
    fprintf(out, "# HELP %s %s\n# TYPE %s %s\n", m->name, m->help, m->name, m->type);
    if (!m->label)
        fprintf(out, "%s %lld\n", m->name, number(group, m->key));
    for (int i = 0; m->label && m->values[i]; i++) {
        char key[64];
        snprintf(key, sizeof(key), "%s%s", m->key, m->values[i]);
        fprintf(out, "%s{%s=\"%s\"} %lld\n", m->name, m->label, m->values[i],
                number(group, key));
    }
}

/* The operator's own names, with what the format wants escaped. */
static void print_destinations(const struct js *list, FILE *out)
{
    fputs(
        "# HELP hilum_destination_failing 1 when the last try of a destination failed.\n"
        "# TYPE hilum_destination_failing gauge\n",
        out);
    for (size_t i = 0; i < js_count(list); i++) {
        const struct js *destination = js_at(list, i);
        fputs("hilum_destination_failing{destination=\"", out);
        for (const char *c = js_get_string(destination, "name"); *c; c++) {
            if (*c == '"' || *c == '\\')
                fputc('\\', out);
            fputc(*c == '\n' ? ' ' : *c, out);
        }
        fprintf(out, "\"} %d\n", js_get_string(destination, "last_fault")[0] != '\0');
    }
}

void metrics_print(const struct js *status, FILE *out)
{
    for (size_t i = 0; i < sizeof(METRICS) / sizeof(METRICS[0]); i++)
        print_metric(&METRICS[i], status, out);
    print_destinations(js_get(status, "destinations"), out);
}
