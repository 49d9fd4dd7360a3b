#include "tests/unit/test.h"

#include "base/err.h"
#include "base/file.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static char folder[64];

static int setup(void **state)
{
    (void)state;
    strcpy(folder, "/tmp/hilum-file-XXXXXX");
    return mkdtemp(folder) ? 0 : -1;
}

static int teardown(void **state)
{
    (void)state;
    return file_remove_tree(folder, NULL);
}

static const char *in(const char *name)
{
    static char paths[4][FILE_PATH];
    static int next;
    char *path = paths[next++ % 4];
    assert_int_equal(file_join(folder, name, path, NULL), 0);
    return path;
}

static bool is_there(const char *name)
{
    return access(in(name), F_OK) == 0;
}

static void reads_back_what_it_wrote(void **state)
{
    (void)state;
    char *text = NULL;
    size_t size = 0;
    assert_int_equal(file_write(in("a"), "one\0two", 7, NULL), 0);
    assert_int_equal(file_write(in("a"), "three", 5, NULL), 0);
    assert_int_equal(file_read(in("a"), 5, &text, &size, NULL), 0);
    assert_int_equal(size, 5);
    assert_string_equal(text, "three");
    free(text);
    assert_int_equal(file_write(in("empty"), "", 0, NULL), 0);
    assert_int_equal(file_read(in("empty"), 0, &text, &size, NULL), 0);
    assert_int_equal(size, 0);
    assert_string_equal(text, "");
    free(text);
}

static void says_what_it_cannot_read(void **state)
{
    (void)state;
    char *text = NULL;
    size_t size = 99;
    assert_int_equal(file_read(in("none"), 100, &text, &size, NULL), ERR_NOTFOUND);
    assert_int_equal(file_read(folder, 1 << 20, &text, &size, NULL), ERR_IO);
    assert_int_equal(mkfifo(in("pipe"), 0600), 0); // would block who opens it plainly
    assert_int_equal(file_read(in("pipe"), 100, &text, &size, NULL), ERR_IO);
    assert_int_equal(file_write(in("a"), "12345", 5, NULL), 0);
    assert_int_equal(file_read(in("a"), 4, &text, &size, NULL), ERR_LIMIT);
    assert_null(text);
    assert_int_equal(size, 99);
}

static void leaves_the_old_file_when_the_new_cannot_be_written(void **state)
{
    (void)state;
    struct err err = {0};
    assert_int_equal(file_make_folder(in("taken/inside"), &err), 0);
    assert_int_equal(file_write(in("taken"), "x", 1, &err), ERR_IO);
    assert_non_null(strstr(err.text, "rename"));
    assert_true(is_there("taken/inside"));
    assert_int_equal(file_write(in("no/folder"), "x", 1, &err), ERR_IO);

    char temp[FILE_PATH];
    snprintf(temp, sizeof(temp), "taken.%d.tmp", (int)getpid());
    assert_false(is_there(temp));
}

static void makes_folders_with_their_parents(void **state)
{
    (void)state;
    struct err err = {0};
    assert_int_equal(file_make_folder(in("a/b//c/"), &err), 0);
    assert_int_equal(file_make_folder(in("a/b/c"), &err), 0);
    assert_true(is_there("a/b/c"));
    assert_int_equal(file_write(in("file"), "", 0, &err), 0);
    assert_int_equal(file_make_folder(in("file/below"), &err), ERR_IO);
}

static void refuses_paths_that_are_too_long(void **state)
{
    (void)state;
    char name[FILE_PATH + 1], path[FILE_PATH];
    memset(name, 'x', sizeof(name));
    name[FILE_PATH] = '\0';
    assert_int_equal(file_make_folder(name, NULL), ERR_LIMIT);
    assert_int_equal(file_join("f", name, path, NULL), ERR_LIMIT);
    name[FILE_PATH - 3] = '\0';
    assert_int_equal(file_join("f", name, path, NULL), 0);
    assert_int_equal(strlen(path), FILE_PATH - 1);
}

static void syncs_what_is_there(void **state)
{
    (void)state;
    assert_int_equal(file_write(in("a"), "x", 1, NULL), 0);
    assert_int_equal(file_sync(in("a"), NULL), 0);
    assert_int_equal(file_sync(folder, NULL), 0);
    assert_int_equal(file_sync_parent(in("a"), NULL), 0);
    assert_int_equal(file_sync_parent("here", NULL), 0);
    assert_int_equal(file_sync_parent("/tmp", NULL), 0);
    assert_int_equal(file_sync(in("none"), NULL), ERR_NOTFOUND);
}

static void removes_a_tree_and_follows_no_links(void **state)
{
    (void)state;
    assert_int_equal(file_make_folder(in("kept"), NULL), 0);
    assert_int_equal(file_write(in("kept/file"), "x", 1, NULL), 0);
    assert_int_equal(file_make_folder(in("tree/deep/deeper"), NULL), 0);
    assert_int_equal(file_write(in("tree/deep/file"), "x", 1, NULL), 0);
    assert_int_equal(symlink(in("kept"), in("tree/link")), 0);
    assert_int_equal(file_remove_tree(in("tree"), NULL), 0);
    assert_false(is_there("tree"));
    assert_true(is_there("kept/file"));
    assert_int_equal(file_remove_tree(in("tree"), NULL), 0); // not there is fine
    assert_int_equal(file_remove_tree(in("kept/file"), NULL), 0);
    assert_int_equal(file_remove_tree(in("kept/file/below"), NULL), 0);
}

struct seen {
    char names[200];
    int64_t bytes;
    int stop_after;
};

static int see(void *ctx, const char *path, int64_t size, struct err *err)
{
    struct seen *seen = ctx;
    strcat(seen->names, path + strlen(folder));
    seen->bytes += size;
    return --seen->stop_after == 0 ? err_set(err, ERR_CANCELLED, "enough") : 0;
}

static void walks_in_the_order_of_names(void **state)
{
    (void)state;
    struct seen seen = {0};
    assert_int_equal(file_make_folder(in("b/c"), NULL), 0);
    assert_int_equal(file_write(in("b/c/2"), "22", 2, NULL), 0);
    assert_int_equal(file_write(in("b/1"), "1", 1, NULL), 0);
    assert_int_equal(file_write(in("a"), "4444", 4, NULL), 0);
    assert_int_equal(symlink(folder, in("b/loop")), 0);
    assert_int_equal(file_walk(folder, see, &seen, NULL), 0);
    assert_string_equal(seen.names, "/a/b/1/b/c/2");
    assert_int_equal(seen.bytes, 7);

    seen = (struct seen){.stop_after = 2};
    assert_int_equal(file_walk(folder, see, &seen, NULL), ERR_CANCELLED);
    assert_string_equal(seen.names, "/a/b/1");
    seen = (struct seen){0};
    assert_int_equal(file_walk(in("a"), see, &seen, NULL), 0);
    assert_string_equal(seen.names, "/a");
    assert_int_equal(file_walk(in("none"), see, &seen, NULL), ERR_NOTFOUND);
}

static void follows_links_and_visits_each_folder_once(void **state)
{
    (void)state;
    struct seen seen = {0};
    assert_int_equal(file_make_folder(in("b/c"), NULL), 0);
    assert_int_equal(file_make_folder(in("else"), NULL), 0);
    assert_int_equal(file_write(in("else/3"), "333", 3, NULL), 0);
    assert_int_equal(file_write(in("b/c/2"), "22", 2, NULL), 0);
    assert_int_equal(symlink(in("b"), in("b/c/loop")), 0);
    assert_int_equal(symlink(in("else"), in("b/d")), 0);
    assert_int_equal(symlink(in("else"), in("b/e")), 0); // the same again
    assert_int_equal(symlink(in("else/3"), in("b/file")), 0);
    assert_int_equal(symlink(in("nowhere"), in("b/gone")), 0);
    assert_int_equal(symlink(in("b/self"), in("b/self")), 0);
    assert_int_equal(symlink(in("b"), in("root")), 0);
    assert_int_equal(file_walk_links(in("root"), see, &seen, NULL), 0);
    assert_string_equal(seen.names, "/root/c/2/root/d/3/root/file");
    assert_int_equal(seen.bytes, 8);
    assert_int_equal(file_walk_links(in("none"), see, &seen, NULL), ERR_NOTFOUND);
}

static void ends_in_a_folder_that_is_too_deep(void **state)
{
    (void)state;
    struct seen seen = {0};
    char deep[512] = "d";
    for (int i = 0; i < 70; i++)
        strcat(deep, "/d");
    assert_int_equal(file_make_folder(in(deep), NULL), 0);
    assert_int_equal(file_walk(folder, see, &seen, NULL), ERR_LIMIT);
    assert_int_equal(file_remove_tree(in("d"), NULL), ERR_IO);
    assert_int_equal(file_remove_tree(in("d/d/d/d/d/d/d/d/d/d/d"), NULL), 0);
}

static void knows_the_free_space(void **state)
{
    (void)state;
    assert_true(file_free_bytes(folder) > 0);
    assert_int_equal(file_free_bytes(in("none")), -1);
}

int main(void)
{
#define TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
    const struct CMUnitTest tests[] = {
        TEST(reads_back_what_it_wrote),
        TEST(says_what_it_cannot_read),
        TEST(leaves_the_old_file_when_the_new_cannot_be_written),
        TEST(makes_folders_with_their_parents),
        TEST(refuses_paths_that_are_too_long),
        TEST(syncs_what_is_there),
        TEST(removes_a_tree_and_follows_no_links),
        TEST(walks_in_the_order_of_names),
        TEST(follows_links_and_visits_each_folder_once),
        TEST(ends_in_a_folder_that_is_too_deep),
        TEST(knows_the_free_space),
    };
    return cmocka_run_group_tests_name("file", tests, NULL, NULL);
}
