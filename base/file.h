/*
 * file: what POSIX makes clumsy about files and folders. Blocks.
 */
#ifndef BASE_FILE_H
#define BASE_FILE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

struct err;

#define FILE_PATH 4096

/** "folder/name" into ret [FILE_PATH]. Errors: ERR_LIMIT (too long). */
int file_join(const char *folder, const char *name, char ret[FILE_PATH], struct err *err);

/** Make the folder at path with its parents; one that is there is fine. Errors: ERR_IO. */
int file_make_folder(const char *path, struct err *err);

/** The whole regular file, with a NUL behind it, to be freed with free().
 * Errors: ERR_NOTFOUND, ERR_IO, ERR_LIMIT (larger than max_bytes), ERR_NOMEM. */
int file_read(const char *path, size_t max_bytes, char **ret, size_t *ret_size,
              struct err *err);

/** Write the file atomically and durably: temporary file beside it, fsync, rename, fsync of
 * the folder. Errors: ERR_IO. */
int file_write(const char *path, const void *data, size_t size, struct err *err);

/** fsync a file or folder. Errors: ERR_IO. */
int file_sync(const char *path, struct err *err);
/** fsync the folder that path lies in. Errors: ERR_IO. */
int file_sync_parent(const char *path, struct err *err);

/** Remove path with all below it, following no links. What is not there is fine. ERR_IO. */
int file_remove_tree(const char *path, struct err *err);

/** Bytes free for us on the file system of path; -1 if that cannot be told. */
int64_t file_free_bytes(const char *path);

/** Call fn(ctx, path, size) for each regular file below root (or root itself), in the order
 * of names, links not followed; a return other than 0 ends the walk and is returned.
 * Errors: ERR_IO, ERR_NOTFOUND, ERR_LIMIT (deeper than 64 folders). */
int file_walk(const char *root,
              int (*fn)(void *ctx, const char *path, int64_t size, struct err *err),
              void *ctx, struct err *err);

/** The same with links followed, as a user's folder of images may have them: each folder is
 * visited once, by whatever names it is reached, and a link to nothing is passed over. */
int file_walk_links(const char *root,
                    int (*fn)(void *ctx, const char *path, int64_t size, struct err *err),
                    void *ctx, struct err *err);

#ifdef __cplusplus
}
#endif
#endif
