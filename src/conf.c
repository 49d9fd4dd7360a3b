#include "src/conf.h"

#include "base/err.h"
#include "base/settings.h"
#include "pipeline/segment/models.h"
#include "src/conf_keys.h"

#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static void copy(char *ret, size_t size, const char *text)
{
    snprintf(ret, size, "%s", text);
}
#define COPY(field, text) copy(field, sizeof(field), text)

/* ---- sections ---- */

static void fill_node(const struct settings *s, struct conf *c)
{
    COPY(c->ae_title, settings_text(s, "node", 0, "ae_title"));
    COPY(c->address, settings_text(s, "node", 0, "address"));
    c->port = (int)settings_int(s, "node", 0, "port");
    c->check_called_ae = settings_bool(s, "node", 0, "check_called_ae");
    COPY(c->state_dir, settings_text(s, "node", 0, "state_dir"));
    COPY(c->device_serial, settings_text(s, "node", 0, "device_serial"));
    c->stop_timeout_s = (int)settings_int(s, "node", 0, "stop_timeout_s");
}

static void fill_tls(const struct settings *s, struct conf_tls *t)
{
    t->port = (int)settings_int(s, "tls", 0, "port");
    COPY(t->certificate, settings_text(s, "tls", 0, "certificate"));
    COPY(t->private_key, settings_text(s, "tls", 0, "private_key"));
    COPY(t->trusted, settings_text(s, "tls", 0, "trusted"));
    t->needs_certificate = settings_bool(s, "tls", 0, "needs_certificate");
}

static void fill_receive(const struct settings *s, struct conf *c)
{
    c->receivers = (int)settings_int(s, "receive", 0, "receivers");
    c->associations_max = (int)settings_int(s, "receive", 0, "associations_max");
    c->pdu_bytes = settings_int(s, "receive", 0, "pdu_bytes");
    c->instance_bytes_max = settings_int(s, "receive", 0, "instance_bytes_max");
    c->idle_timeout_s = (int)settings_int(s, "receive", 0, "idle_timeout_s");
    c->dimse_timeout_s = (int)settings_int(s, "receive", 0, "dimse_timeout_s");
    c->association_timeout_s =
        (int)settings_int(s, "receive", 0, "association_timeout_s");
    c->bytes_per_s_min = settings_int(s, "receive", 0, "bytes_per_s_min");
    c->spool_free_bytes_min = settings_int(s, "receive", 0, "spool_free_bytes_min");
    c->nesting_max = (int)settings_int(s, "receive", 0, "nesting_max");
    c->accept_private = settings_bool(s, "receive", 0, "accept_private");
}

static void fill_work(const struct settings *s, struct conf *c)
{
    c->quiet_s = (int)settings_int(s, "study", 0, "quiet_s");
    c->cap_s = (int)settings_int(s, "study", 0, "cap_s");
    c->workers = (int)settings_int(s, "work", 0, "workers");
    c->worker_threads = (int)settings_int(s, "work", 0, "worker_threads");
    c->job_timeout_s = (int)settings_int(s, "work", 0, "job_timeout_s");
    c->job_attempts_max = (int)settings_int(s, "work", 0, "job_attempts_max");
    c->job_memory_max_bytes = settings_int(s, "work", 0, "job_memory_max_bytes");
}

static void fill_peer(const struct settings *s, size_t i, struct conf_peer *p)
{
    COPY(p->ae_title, settings_text(s, "peers", i, "ae_title"));
    COPY(p->address, settings_text(s, "peers", i, "address"));
    p->tls = settings_bool(s, "peers", i, "tls");
}

static void fill_destination(const struct settings *s, size_t i,
                             struct conf_destination *d)
{
    COPY(d->name, settings_text(s, "destinations", i, "name"));
    COPY(d->ae_title, settings_text(s, "destinations", i, "ae_title"));
    COPY(d->host, settings_text(s, "destinations", i, "host"));
    d->port = (int)settings_int(s, "destinations", i, "port");
    d->connect_timeout_s = (int)settings_int(s, "destinations", i, "connect_timeout_s");
    d->dimse_timeout_s = (int)settings_int(s, "destinations", i, "dimse_timeout_s");
    d->tls = settings_bool(s, "destinations", i, "tls");
    d->attempts_max = (int)settings_int(s, "destinations", i, "attempts_max");
    d->backoff_first_s = (int)settings_int(s, "destinations", i, "backoff_first_s");
    d->backoff_max_s = (int)settings_int(s, "destinations", i, "backoff_max_s");
}

static void fill_rule(const struct settings *s, size_t i, struct conf_rule *r)
{
    COPY(r->name, settings_text(s, "rules", i, "name"));
    COPY(r->calling_ae, settings_text(s, "rules", i, "calling_ae"));
    COPY(r->modality, settings_text(s, "rules", i, "modality"));
    COPY(r->body_part, settings_text(s, "rules", i, "body_part"));
    COPY(r->study_description, settings_text(s, "rules", i, "study_description"));
    COPY(r->series_description, settings_text(s, "rules", i, "series_description"));
    COPY(r->protocol, settings_text(s, "rules", i, "protocol"));
    r->quiet_s = (int)settings_int(s, "rules", i, "quiet_s");
    r->priority = (int)settings_int(s, "rules", i, "priority");
    r->analysis_count = settings_names(s, "rules", i, "analyses");
    for (size_t n = 0; n < r->analysis_count && n < CONF_NAMES; n++)
        COPY(r->analyses[n], settings_name(s, "rules", i, "analyses", n));
    r->destination_count = settings_names(s, "rules", i, "destinations");
    for (size_t n = 0; n < r->destination_count && n < CONF_NAMES; n++)
        COPY(r->destinations[n], settings_name(s, "rules", i, "destinations", n));
}

static int fill_analysis(const struct settings *s, const struct pipeline_def *def,
                         struct conf_analysis *a, struct err *err)
{
    char section[CONF_TEXT];
    snprintf(section, sizeof(section), "analysis.%s", def->name);
    a->def = def;
    for (const struct pipeline_option_def *o = def->options; o && o->name; o++)
        a->option_count++;
    a->options = calloc(a->option_count + 1, sizeof(*a->options));
    if (!a->options)
        return err_set(err, ERR_NOMEM, "the configuration");
    for (size_t i = 0; i < a->option_count; i++) {
        a->options[i].name = def->options[i].name;
        a->options[i].value = settings_real(s, section, 0, def->options[i].name);
    }
    return 0;
}

/* ---- cross checks ---- */

static int bad(const struct settings *s, const char *section, size_t i, const char *key,
               struct err *err, const char *what, const char *name)
{
    char where[200];
    settings_where(s, section, i, key, where, sizeof(where));
    return err_set(err, ERR_CONFIG, "%s: %s \"%.40s\"", where, what, name);
}

static int check_ae(const struct settings *s, const char *section, size_t i,
                    struct err *err)
{
    const char *title = settings_text(s, section, i, "ae_title");
    if (title[0] == '\0' || title[0] == ' ' || strpbrk(title, "\\\n\r\t"))
        return bad(s, section, i, "ae_title", err,
                   "an AE title of 1..16 characters without backslash was expected, not",
                   title);
    return 0;
}

static int check_rule(const struct settings *s, const struct conf *c, size_t i,
                      struct err *err)
{
    const struct conf_rule *r = &c->rules[i];
    if (r->analysis_count > CONF_NAMES || r->destination_count > CONF_NAMES)
        return bad(s, "rules", i, "name", err, "more than 16 names in rule", r->name);
    if (r->analysis_count == 0)
        return bad(s, "rules", i, "analyses", err, "no analysis is named in rule",
                   r->name);
    for (size_t n = 0; n < r->analysis_count; n++) {
        if (!conf_analysis(c, r->analyses[n]))
            return bad(s, "rules", i, "analyses", err, "there is no analysis",
                       r->analyses[n]);
    }
    for (size_t n = 0; n < r->destination_count; n++) {
        if (!conf_destination(c, r->destinations[n]))
            return bad(s, "rules", i, "destinations", err, "there is no destination",
                       r->destinations[n]);
    }
    for (size_t n = 0; n < i; n++) {
        if (strcmp(c->rules[n].name, r->name) == 0)
            return bad(s, "rules", i, "name", err, "a second rule named", r->name);
    }
    return 0;
}

/* What is encrypted needs all three files. Paths are absolute: the children read a copy of
 * the configuration that lies elsewhere. */
static int check_tls(const struct settings *s, const struct conf *c, struct err *err)
{
    static const char *const KEYS[] = {"certificate", "private_key", "trusted"};
    struct dcm_tls tls;
    const bool is_used = conf_dcm_tls(c, &tls);
    for (size_t i = 0; i < sizeof(KEYS) / sizeof(KEYS[0]); i++) {
        const char *path = settings_text(s, "tls", 0, KEYS[i]);
        if (path[0] != '/' && (is_used || path[0] != '\0'))
            return bad(s, "tls", 0, KEYS[i], err,
                       "the absolute path of a PEM file was expected, not", path);
    }
    if (c->port == 0 && c->tls.port == 0)
        return bad(s, "node", 0, "port", err, "a port was expected, here or in", "tls");
    if (c->port == c->tls.port)
        return bad(s, "tls", 0, "port", err, "another port was expected than", "node's");
    return 0;
}

static int cross_check(const struct settings *s, const struct conf *c, struct err *err)
{
    int r = check_ae(s, "node", 0, err);
    if (r == 0)
        r = check_tls(s, c, err);
    if (r == 0 && c->cap_s < c->quiet_s)
        r = bad(s, "study", 0, "cap_s", err, "a time was expected of at least",
                "study.quiet_s");
    for (size_t i = 0; r == 0 && i < c->peer_count; i++)
        r = check_ae(s, "peers", i, err);
    for (size_t i = 0; r == 0 && i < c->destination_count; i++) {
        r = check_ae(s, "destinations", i, err);
        if (r == 0 && conf_destination(c, c->destinations[i].name) != &c->destinations[i])
            r = bad(s, "destinations", i, "name", err, "a second destination named",
                    c->destinations[i].name);
    }
    for (size_t i = 0; r == 0 && i < c->rule_count; i++)
        r = check_rule(s, c, i, err);
    return r;
}

/* ---- reading ---- */

static int allocate(const struct settings *s, struct conf *c, struct err *err)
{
    c->peer_count = settings_count(s, "peers");
    c->destination_count = settings_count(s, "destinations");
    c->rule_count = settings_count(s, "rules");
    for (c->analysis_count = 0; pipeline_table[c->analysis_count];)
        c->analysis_count++;
    c->analysis_count += models_count(c->models);
    c->peers = calloc(c->peer_count + 1, sizeof(*c->peers));
    c->destinations = calloc(c->destination_count + 1, sizeof(*c->destinations));
    c->rules = calloc(c->rule_count + 1, sizeof(*c->rules));
    c->analyses = calloc(c->analysis_count + 1, sizeof(*c->analyses));
    if (!c->peers || !c->destinations || !c->rules || !c->analyses)
        return err_set(err, ERR_NOMEM, "the configuration");
    return 0;
}

/* A relative path counts from the folder of the file. */
static int place(const struct conf *c, char path[CONF_TEXT], const char *key,
                 struct err *err)
{
    const char *slash = strrchr(c->path, '/');
    if (path[0] == '/' || !slash)
        return 0;
    char whole[2 * CONF_TEXT];
    const int n =
        snprintf(whole, sizeof(whole), "%.*s/%s", (int)(slash - c->path), c->path, path);
    if (n >= CONF_TEXT)
        return err_set(err, ERR_CONFIG, "%.100s: %s: its path is too long", c->path, key);
    memcpy(path, whole, (size_t)n + 1);
    return 0;
}

/* Without a word about models: those of the installation as it was configured, of one that was
 * moved, and of the source tree that a build folder lies in. Returns how many. */
static size_t usual_models(struct conf *c)
{
    static const char *const BESIDE[] = {
        "../share/hilum/models", "../../models",
        "../../../models"}; // build/src, build-test/gcc/src
    size_t n = 0;
    COPY(c->model_paths[n++], HILUM_MODELS_DIR);
    char exe[CONF_TEXT];
    const ssize_t length = readlink("/proc/self/exe", exe, sizeof(exe) - 1);
    if (length <= 0)
        return n;
    exe[length] = '\0';
    const int folder = (int)(strrchr(exe, '/') - exe);
    for (size_t i = 0; i < sizeof(BESIDE) / sizeof(*BESIDE); i++) {
        if (snprintf(c->model_paths[n], CONF_TEXT, "%.*s/%s", folder, exe, BESIDE[i])
            < CONF_TEXT)
            n++;
    }
    return n;
}

static void point_at_models(struct conf *c)
{
    for (size_t i = 0; i < c->model_folder_count; i++)
        c->model_folders[i] = c->model_paths[i];
}

/* Folders of model cards: that of the environment, then those of the file, else the installed. */
static int fill_models(const struct settings *s, struct conf *c, struct err *err)
{
    const char *given = getenv("HILUM_MODELS");
    const size_t names = settings_names(s, "node", 0, "models");
    size_t n = 0;
    int r = 0;
    if (given && given[0])
        COPY(c->model_paths[n++], given);
    for (size_t i = 0; r == 0 && i < names && n < CONF_NAMES; i++) {
        const char *name = settings_name(s, "node", 0, "models", i);
        COPY(c->model_paths[n++], name);
        if (name[0] != '/') // workers read a copy of the file that lies elsewhere
            r = bad(s, "node", 0, "models", err, "an absolute path was expected, not",
                    name);
    }
    if (n == 0)
        n = usual_models(c);
    c->model_folder_count = n;
    point_at_models(c);
    return r;
}

/** The i-th analysis: those built in, then those of model cards. */
static const struct pipeline_def *analysis_at(const struct conf *c, size_t i)
{
    const size_t built_in = c->analysis_count - models_count(c->models);
    return i < built_in ? pipeline_table[i] : models_at(c->models, i - built_in);
}

static int from_settings(const struct settings *s, const char *path, struct conf **ret,
                         struct err *err)
{
    auto_(conf) struct conf *c = calloc(1, sizeof(*c));
    if (!c)
        return err_set(err, ERR_NOMEM, "the configuration");
    COPY(c->path, path);
    fill_node(s, c);
    int r = place(c, c->state_dir, "node.state_dir", err);
    if (r == 0)
        r = fill_models(s, c, err);
    if (r == 0)
        r = models_create(c->model_folders, c->model_folder_count, &c->models, err);
    if (r == 0)
        r = allocate(s, c, err);
    if (r < 0)
        return r;
    fill_tls(s, &c->tls);
    fill_receive(s, c);
    fill_work(s, c);
    for (size_t i = 0; i < c->peer_count; i++)
        fill_peer(s, i, &c->peers[i]);
    for (size_t i = 0; i < c->destination_count; i++)
        fill_destination(s, i, &c->destinations[i]);
    for (size_t i = 0; i < c->rule_count; i++)
        fill_rule(s, i, &c->rules[i]);
    for (size_t i = 0; r == 0 && i < c->analysis_count; i++)
        r = fill_analysis(s, analysis_at(c, i), &c->analyses[i], err);
    if (r == 0)
        r = cross_check(s, c, err);
    if (r == 0)
        *ret = take(c);
    return r;
}

int conf_read(const char *path, struct conf **ret, struct err *err)
{
    char real[PATH_MAX];
    auto_(settings) struct settings *s = NULL;
    auto_(conf_keys) struct conf_keys *keys = NULL;
    int r = conf_keys_create(&keys, err);
    if (r == 0)
        r = settings_read(path, conf_keys_sections(keys), &s, err);
    return r < 0 ? r : from_settings(s, realpath(path, real) ? real : path, ret, err);
}

int conf_defaults(struct conf **ret, struct err *err)
{
    auto_(settings) struct settings *s = NULL;
    auto_(conf_keys) struct conf_keys *keys = NULL;
    int r = conf_keys_create(&keys, err);
    if (r == 0)
        r = settings_parse("", "defaults", conf_keys_sections(keys), &s, err);
    return r < 0 ? r : from_settings(s, "", ret, err);
}

void conf_destroy(struct conf *conf)
{
    if (!conf)
        return;
    for (size_t i = 0; conf->analyses && i < conf->analysis_count; i++)
        free(conf->analyses[i].options);
    free(conf->analyses);
    models_destroy(conf->models);
    free(conf->peers);
    free(conf->destinations);
    free(conf->rules);
    free(conf);
}

int conf_check_files(const struct conf *conf, struct err *err)
{
    struct dcm_tls tls;
    return conf_dcm_tls(conf, &tls) ? dcm_tls_check(&tls, err) : 0;
}

/* What of the configuration only a new start can change; NULL: nothing of that differs. */
static const char *fixed_difference(const struct conf *a, const struct conf *b)
{
    if (strcmp(a->ae_title, b->ae_title) != 0 || strcmp(a->address, b->address) != 0
        || a->port != b->port || strcmp(a->state_dir, b->state_dir) != 0)
        return "node";
    if (a->tls.port != b->tls.port)
        return "tls.port";
    if (a->receivers != b->receivers || a->associations_max != b->associations_max)
        return "receive.receivers or associations_max";
    if (a->workers != b->workers)
        return "work.workers";
    if (a->destination_count != b->destination_count
        || memcmp(a->destinations, b->destinations,
                  a->destination_count * sizeof(*a->destinations))
               != 0)
        return "destinations";
    return NULL;
}

int conf_renew(struct conf *live, struct conf *fresh, struct err *err)
{
    const char *what = fixed_difference(live, fresh);
    if (what)
        return err_set(err, ERR_CONFIG, "%s differs: that takes a new start", what);
    const struct conf was = *live;
    *live = *fresh;
    *fresh = was;
    // Outboxes hold on to these, which are equal.
    struct conf_destination *destinations = live->destinations;
    live->destinations = fresh->destinations;
    fresh->destinations = destinations;
    point_at_models(live);
    point_at_models(fresh);
    return 0;
}

struct scan_limits conf_scan_limits(const struct conf *conf)
{
    struct scan_limits limits = SCAN_LIMITS;
    limits.bytes_max = conf->instance_bytes_max;
    limits.depth_max = conf->nesting_max;
    return limits;
}

bool conf_dcm_tls(const struct conf *conf, struct dcm_tls *ret)
{
    bool is_used = conf->tls.port != 0;
    for (size_t i = 0; i < conf->destination_count; i++)
        is_used |= conf->destinations[i].tls;
    *ret = (struct dcm_tls){conf->tls.certificate, conf->tls.private_key,
                            conf->tls.trusted, conf->tls.needs_certificate};
    return is_used;
}

const struct conf_destination *conf_destination(const struct conf *conf, const char *name)
{
    for (size_t i = 0; i < conf->destination_count; i++) {
        if (strcmp(conf->destinations[i].name, name) == 0)
            return &conf->destinations[i];
    }
    return NULL;
}

const struct conf_analysis *conf_analysis(const struct conf *conf, const char *name)
{
    for (size_t i = 0; i < conf->analysis_count; i++) {
        if (strcmp(conf->analyses[i].def->name, name) == 0)
            return &conf->analyses[i];
    }
    return NULL;
}
