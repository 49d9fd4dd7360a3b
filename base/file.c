#include "base/file.h"

#include "base/err.h"
#include "base/list.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

enum { DEPTH_MAX = 64 };

static int say(struct err *err, const char *what, const char *path)
{
    const int code = errno == ENOENT ? ERR_NOTFOUND : ERR_IO;
    return err_set(err, code, "%s %s: %s", what, path, strerror(errno));
}

int file_join(const char *folder, const char *name, char ret[FILE_PATH], struct err *err)
{
    const int n = snprintf(ret, FILE_PATH, "%s/%s", folder, name);
    if (n < 0 || n >= FILE_PATH)
        return err_set(err, ERR_LIMIT, "path longer than %d bytes", FILE_PATH - 1);
    return 0;
}

int file_make_folder(const char *path, struct err *err)
{
    char part[FILE_PATH];
    const size_t length = strlen(path);
    if (length >= sizeof(part))
        return err_set(err, ERR_LIMIT, "path longer than %d bytes", FILE_PATH - 1);

    for (size_t i = 1; i <= length; i++) {
        if (path[i] != '/' && path[i] != '\0')
            continue;
        memcpy(part, path, i);
        part[i] = '\0';
        if (mkdir(part, 0750) != 0 && errno != EEXIST)
            return err_set(err, ERR_IO, "make folder %s: %s", part, strerror(errno));
    }
    return 0;
}

static int read_all(int fd, const char *path, size_t max_bytes, char **ret,
                    size_t *ret_size, struct err *err)
{
    struct stat st;
    if (fstat(fd, &st) != 0)
        return say(err, "stat", path);
    if (!S_ISREG(st.st_mode))
        return err_set(err, ERR_IO, "%s is not a file", path);
    if ((size_t)st.st_size > max_bytes)
        return err_set(err, ERR_LIMIT, "%s has more than %zu bytes", path, max_bytes);

    char *data = malloc((size_t)st.st_size + 1);
    if (!data)
        return err_set(err, ERR_NOMEM, "%s", path);

    size_t n = 0;
    while (n < (size_t)st.st_size) {
        const ssize_t got = read(fd, data + n, (size_t)st.st_size - n);
        if (got < 0 && errno == EINTR)
            continue;
        if (got < 0) {
            free(data);
            return say(err, "read", path);
        }
        if (got == 0)
            break; // it has become shorter
        n += (size_t)got;
    }
    data[n] = '\0';
    *ret = data;
    *ret_size = n;
    return 0;
}

int file_read(const char *path, size_t max_bytes, char **ret, size_t *ret_size,
              struct err *err)
{
    const int fd =
        open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK); // a pipe does not block us
    if (fd < 0)
        return say(err, "open", path);
    const int r = read_all(fd, path, max_bytes, ret, ret_size, err);
    close(fd);
    return r;
}

static int write_all(int fd, const char *path, const char *data, size_t size,
                     struct err *err)
{
    while (size > 0) {
        const ssize_t n = write(fd, data, size);
        if (n < 0 && errno == EINTR)
            continue;
        if (n <= 0)
            return err_set(err, ERR_IO, "write %s: %s", path, strerror(errno));
        data += n;
        size -= (size_t)n;
    }
    return fsync(fd) == 0 ? 0
                          : err_set(err, ERR_IO, "sync %s: %s", path, strerror(errno));
}

int file_write(const char *path, const void *data, size_t size, struct err *err)
{
    char temp[FILE_PATH + 16];
    snprintf(temp, sizeof(temp), "%s.%d.tmp", path, (int)getpid());

    const int fd = open(temp, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0640);
    if (fd < 0)
        return err_set(err, ERR_IO, "create %s: %s", temp, strerror(errno));

    int r = write_all(fd, temp, data, size, err);
    close(fd);
    if (r == 0 && rename(temp, path) != 0)
        r = err_set(err, ERR_IO, "rename to %s: %s", path, strerror(errno));
    if (r < 0) {
        unlink(temp);
        return r;
    }
    return file_sync_parent(path, err);
}

int file_sync(const char *path, struct err *err)
{
    const int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return say(err, "open", path);
    const int failed = fsync(fd);
    const int why = errno;
    close(fd);
    return failed ? err_set(err, ERR_IO, "sync %s: %s", path, strerror(why)) : 0;
}

int file_sync_parent(const char *path, struct err *err)
{
    char folder[FILE_PATH];
    snprintf(folder, sizeof(folder), "%s", path);
    char *slash = strrchr(folder, '/');
    if (!slash)
        return file_sync(".", err);
    slash[slash == folder] = '\0';
    return file_sync(folder, err);
}

static int remove_at(int parent, const char *name, int depth);

static int empty_folder(int fd, int depth)
{
    DIR *folder = fdopendir(fd);
    if (!folder) {
        close(fd);
        return -1;
    }
    int r = 0;
    struct dirent *entry;
    while (r == 0 && (entry = readdir(folder))) {
        if (strcmp(entry->d_name, ".") != 0 && strcmp(entry->d_name, "..") != 0)
            r = remove_at(dirfd(folder), entry->d_name, depth + 1);
    }
    closedir(folder);
    return r;
}

static int remove_at(int parent, const char *name, int depth)
{
    if (unlinkat(parent, name, 0) == 0 || errno == ENOENT)
        return 0;
    if ((errno != EISDIR && errno != EPERM) || depth > DEPTH_MAX)
        return -1;

    const int fd = openat(parent, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    if (fd < 0 || empty_folder(fd, depth) != 0)
        return -1;
    return unlinkat(parent, name, AT_REMOVEDIR);
}

int file_remove_tree(const char *path, struct err *err)
{
    if (remove_at(AT_FDCWD, path, 0) != 0)
        return err_set(err, ERR_IO, "remove %s: %s", path, strerror(errno));
    return 0;
}

int64_t file_free_bytes(const char *path)
{
    struct statvfs fs;
    if (statvfs(path, &fs) != 0)
        return -1;
    return (int64_t)fs.f_bavail * (int64_t)fs.f_frsize;
}

struct place {
    dev_t device;
    ino_t inode;
};

LIST_DEFINE(place_set, struct place)

struct walk {
    int (*fn)(void *ctx, const char *path, int64_t size, struct err *err);
    void *ctx;
    struct place_set *visited; // folders; NULL: links are not followed
};

static int walk_one(const struct walk *walk, const char *path, int depth,
                    struct err *err);

/* 1: for the first time, 0: seen before. */
static int note_folder(struct place_set *visited, const struct stat *st, struct err *err)
{
    for (size_t i = 0; i < visited->count; i++) {
        if (visited->items[i].device == st->st_dev
            && visited->items[i].inode == st->st_ino)
            return 0;
    }
    struct place *place = place_set_add(visited);
    if (!place)
        return err_set(err, ERR_NOMEM, "%zu folders", visited->count);
    *place = (struct place){st->st_dev, st->st_ino};
    return 1;
}

static int walk_folder(const struct walk *walk, const char *path, int depth,
                       struct err *err)
{
    struct dirent **names = NULL;
    const int count = scandir(path, &names, NULL, alphasort);
    if (count < 0)
        return say(err, "read folder", path);

    int r = 0;
    for (int i = 0; i < count; i++) {
        char child[FILE_PATH];
        const char *name = names[i]->d_name;
        if (r == 0 && strcmp(name, ".") != 0 && strcmp(name, "..") != 0) {
            r = file_join(path, name, child, err);
            if (r == 0)
                r = walk_one(walk, child, depth + 1, err);
        }
        free(names[i]);
    }
    free(names);
    return r;
}

static int walk_one(const struct walk *walk, const char *path, int depth, struct err *err)
{
    struct stat st;
    if (depth > DEPTH_MAX)
        return err_set(err, ERR_LIMIT, "%s lies deeper than %d folders", path, DEPTH_MAX);
    const int failed = walk->visited ? stat(path, &st) : lstat(path, &st);
    if (failed && walk->visited && depth > 0 && lstat(path, &st) == 0
        && S_ISLNK(st.st_mode))
        return 0; // to nothing, or to itself
    if (failed)
        return say(err, "stat", path);
    if (S_ISREG(st.st_mode))
        return walk->fn(walk->ctx, path, st.st_size, err);
    if (!S_ISDIR(st.st_mode))
        return 0;
    const int r = walk->visited ? note_folder(walk->visited, &st, err) : 1;
    return r == 1 ? walk_folder(walk, path, depth, err) : r;
}

int file_walk(const char *root,
              int (*fn)(void *ctx, const char *path, int64_t size, struct err *err),
              void *ctx, struct err *err)
{
    const struct walk walk = {fn, ctx, NULL};
    return walk_one(&walk, root, 0, err);
}

int file_walk_links(const char *root,
                    int (*fn)(void *ctx, const char *path, int64_t size, struct err *err),
                    void *ctx, struct err *err)
{
    struct place_set visited = {0};
    const struct walk walk = {fn, ctx, &visited};
    const int r = walk_one(&walk, root, 0, err);
    place_set_finish(&visited);
    return r;
}
