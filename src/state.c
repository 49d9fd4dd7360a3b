#include "src/state.h"

#include "base/err.h"
#include "base/file.h"
#include "base/log.h"
#include "src/store.h"

#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
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
    } parts[] = {{"index.db", state->index}, {"storage", state->storage},
                 {"spool", state->spool},    {"results", state->results},
                 {"lock", state->lock},      {"stopped", state->stopped}};
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

struct check {
    struct store *store;
    size_t skip; // characters of the storage folder's path and its slash
    size_t seen, removed;
};

static int drop_unindexed(void *ctx, const char *path, int64_t size, struct err *err)
{
    struct check *check = ctx;
    (void)size;
    check->seen++;
    if (store_has_path(check->store, path + check->skip))
        return 0;
    if (unlink(path) != 0)
        return err_set(err, ERR_IO, "a file without row cannot be removed: %s",
                       strerror(errno));
    check->removed++;
    return 0;
}

int state_repair(struct state *state, struct store *store, struct err *err)
{
    size_t dropped = 0;
    int r = file_walk(state->spool, drop_spooled, &dropped, err);
    const bool was_orderly = unlink(state->stopped) == 0;
    if (r < 0 || was_orderly)
        return r;
    struct check check = {store, strlen(state->storage) + 1, 0, 0};
    r = file_walk(state->storage, drop_unindexed, &check, err);
    if (r == 0 && check.seen > 0)
        log_event(LOG_INFO, "state.repair", "spooled_dropped=%zu files=%zu removed=%zu",
                  dropped, check.seen, check.removed);
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
