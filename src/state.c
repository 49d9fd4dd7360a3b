#include "src/state.h"

#include "base/err.h"
#include "base/file.h"
#include "base/list.h"
#include "base/log.h"
#include "scp/scan.h"
#include "src/store.h"

#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

enum { CONF_BYTES_MAX = 4 << 20 };

struct state {
    char index[FILE_PATH], storage[FILE_PATH], spool[FILE_PATH], results[FILE_PATH];
    char lock[FILE_PATH], stopped[FILE_PATH], conf[FILE_PATH];
    int lock_fd;
};

static int name_parts(struct state *state, const char *folder, struct err *err)
{
    const struct {
        const char *name;
        char *path;
    } parts[] = {{"index.db", state->index},   {"storage", state->storage},
                 {"spool", state->spool},      {"results", state->results},
                 {"lock", state->lock},        {"stopped", state->stopped},
                 {"running.conf", state->conf}};
    int r = 0;
    for (size_t i = 0; r == 0 && i < sizeof(parts) / sizeof(parts[0]); i++)
        r = file_join(folder, parts[i].name, parts[i].path, err);
    return r;
}

static int take_lock(struct state *state, const char *folder, struct err *err)
{
    state->lock_fd = open(state->lock, O_RDWR | O_CREAT | O_CLOEXEC, 0640);
    if (state->lock_fd < 0)
        return err_set(err, ERR_IO, "%s: %s", state->lock, strerror(errno));
    if (flock(state->lock_fd, LOCK_EX | LOCK_NB) != 0)
        return err_set(err, ERR_IO, "another node runs with its state in %s", folder);
    return 0;
}

int state_create(const char *folder, struct state **ret, struct err *err)
{
    auto_(state) struct state *state = calloc(1, sizeof(*state));
    if (!state)
        return err_set(err, ERR_NOMEM, "the state folder");
    state->lock_fd = -1;
    int r = name_parts(state, folder, err);
    if (r == 0)
        r = file_make_folder(folder, err);
    if (r == 0)
        r = take_lock(state, folder, err);
    if (r == 0)
        r = file_make_folder(state->storage, err);
    if (r == 0)
        r = file_make_folder(state->spool, err);
    if (r == 0)
        r = file_make_folder(state->results, err);
    if (r == 0)
        r = file_sync(folder, err);
    if (r == 0)
        *ret = take(state);
    return r;
}

int state_keep_conf(struct state *state, const char *conf_path, struct err *err)
{
    char *text = NULL;
    size_t size = 0;
    int r = file_read(conf_path, CONF_BYTES_MAX, &text, &size, err);
    if (r == 0)
        r = file_write(state->conf, text, size, err);
    free(text);
    return r;
}

const char *state_conf_path(const struct state *state)
{
    return state->conf;
}

const char *state_index_path(const struct state *state)
{
    return state->index;
}

/* ---- repair ---- */

static int drop_spooled(void *ctx, const char *path, int64_t size, struct err *err)
{
    size_t *dropped = ctx;
    (void)size;
    (void)err;
    *dropped += unlink(path) == 0;
    return 0;
}

LIST_DEFINE(path_list, char *)

struct check {
    struct store *store;
    const struct scan_limits *limits;
    size_t skip; // characters of the storage folder's path and its slash
    size_t seen, removed, adopted;
    struct path_list unindexed;
};

static int find_unindexed(void *ctx, const char *path, int64_t size, struct err *err)
{
    struct check *check = ctx;
    (void)size;
    check->seen++;
    if (store_has_path(check->store, path + check->skip))
        return 0;
    char **place = path_list_add(&check->unindexed);
    char *copy = place ? strdup(path) : NULL;
    if (!copy)
        return err_set(err, ERR_NOMEM, "%zu files without row", check->unindexed.count);
    *place = copy;
    return 0;
}

static void adopted(void *ctx, const struct err *err, const struct store_added *added)
{
    (void)ctx;
    (void)added;
    if (err->code < 0)
        log_event(LOG_ERROR, "state.adopt", "error=\"%s\"", err->text);
}

/* Give the file at path its row; what is no whole DICOM file is removed. */
static int adopt(struct check *check, const char *path, struct err *err)
{
    struct stat st;
    struct err why = {0};
    struct instance_facts *facts = calloc(1, sizeof(*facts));
    if (!facts)
        return err_set(err, ERR_NOMEM, "facts of a file");
    int r = 0;
    if (stat(path, &st) == 0 && scan_file(path, check->limits, facts, &why) == 0) {
        store_add_instance(check->store, facts, path + check->skip, st.st_size,
                           facts->source_ae, adopted, NULL);
        check->adopted++;
    } else if (why.code == ERR_FORMAT) {
        check->removed += unlink(path) == 0;
    } else if (why.code == ERR_LIMIT) {
        log_event(LOG_WARN, "state.adopt", "left=1 reason=\"%s\"", why.text);
    } else {
        r = err_set(err, ERR_IO, "a file without row: %s", why.text);
    }
    free(facts);
    return r;
}

static int check_storage(struct check *check, const char *storage, struct err *err)
{
    int r = file_walk(storage, find_unindexed, check, err);
    for (size_t i = 0; i < check->unindexed.count; i++) {
        if (r == 0)
            r = adopt(check, check->unindexed.items[i], err);
        free(check->unindexed.items[i]);
    }
    path_list_finish(&check->unindexed);
    return r;
}

int state_repair(struct state *state, struct store *store,
                 const struct scan_limits *limits, struct err *err)
{
    size_t dropped = 0;
    int r = file_walk(state->spool, drop_spooled, &dropped, err);
    const bool was_orderly = unlink(state->stopped) == 0;
    if (r == 0 && was_orderly) // or a power loss brings it back, and hides what it cost
        r = file_sync_parent(state->stopped, err);
    if (r < 0 || was_orderly)
        return r;
    struct check check = {
        .store = store, .limits = limits, .skip = strlen(state->storage) + 1};
    r = check_storage(&check, state->storage, err);
    if (r == 0 && check.seen > 0)
        log_event(LOG_INFO, "state.repair",
                  "files=%zu adopted=%zu removed=%zu spooled_dropped=%zu", check.seen,
                  check.adopted, check.removed, dropped);
    return r;
}

void state_mark_stopped(struct state *state)
{
    struct err err = {0};
    if (file_write(state->stopped, "", 0, &err) < 0)
        log_event(LOG_WARN, "state.stop", "error=\"%s\"", err.text);
}

void state_destroy(struct state *state)
{
    if (!state)
        return;
    if (state->lock_fd >= 0)
        close(state->lock_fd);
    free(state);
}
