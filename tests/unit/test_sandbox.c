#include "tests/unit/test.h"

#include "base/err.h"
#include "base/file.h"
#include "src/sandbox.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/landlock.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

struct fixture {
    char root[64], inside[96], beside[96], outside[96];
};

static int setup(void **state)
{
    struct fixture *f = calloc(1, sizeof(*f));
    strcpy(f->root, "/tmp/hilum-sandbox-XXXXXX");
    if (!mkdtemp(f->root))
        return -1;
    snprintf(f->inside, sizeof(f->inside), "%s/inside", f->root);
    snprintf(f->beside, sizeof(f->beside), "%s/beside", f->root);
    snprintf(f->outside, sizeof(f->outside), "%s/outside", f->root);
    file_make_folder(f->inside, NULL);
    file_make_folder(f->beside, NULL);
    file_make_folder(f->outside, NULL);
    *state = f;
    return 0;
}

static int teardown(void **state)
{
    struct fixture *f = *state;
    const int r = file_remove_tree(f->root, NULL);
    free(f);
    return r;
}

static long landlock_version(void)
{
    return syscall(SYS_landlock_create_ruleset, NULL, 0, LANDLOCK_CREATE_RULESET_VERSION);
}

/* errno of making a file in folder, 0 when it could be made. */
static int make_in(const char *folder)
{
    char path[128];
    snprintf(path, sizeof(path), "%s/new", folder);
    const int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    if (fd < 0)
        return errno;
    close(fd);
    return 0;
}

static int read_from(const char *path)
{
    const int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return errno;
    close(fd);
    return 0;
}

static int connect_somewhere(void)
{
    struct sockaddr_in to = {.sin_family = AF_INET,
                             .sin_port = htons(9),
                             .sin_addr = {htonl(INADDR_LOOPBACK)}};
    const int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    const int r = connect(fd, (struct sockaddr *)&to, sizeof(to));
    const int why = r == 0 ? 0 : errno;
    close(fd);
    return why;
}

/* What holds in a child process that is confined: its exit status is 0. */
static void in_child(const struct fixture *f, bool is_reading_free,
                     int (*fn)(const struct fixture *f))
{
    if (landlock_version() < 2)
        skip();
    const pid_t pid = fork();
    if (pid == 0) {
        const char *const read[] = {"/usr", NULL};
        const char *const write[] = {f->inside, f->beside, NULL};
        const struct sandbox sandbox = {is_reading_free ? NULL : read, write};
        _exit(sandbox_enter(&sandbox, NULL) < 0 ? 100 : fn(f));
    }
    int status = -1;
    assert_int_equal(waitpid(pid, &status, 0), pid);
    assert_true(WIFEXITED(status));
    assert_int_equal(WEXITSTATUS(status), 0);
}

static int try_files(const struct fixture *f)
{
    char from[128], to[128];
    snprintf(from, sizeof(from), "%s/new", f->inside);
    snprintf(to, sizeof(to), "%s/moved", f->beside);
    if (make_in(f->inside) != 0 || rename(from, to) != 0 || unlink(to) != 0)
        return 1;
    if (make_in(f->outside) != EACCES || make_in("/tmp") != EACCES)
        return 2;
    return read_from("/etc/passwd") == EACCES && read_from("/usr/bin/env") == 0 ? 0 : 3;
}

static int try_free_reading(const struct fixture *f)
{
    if (make_in(f->inside) != 0 || make_in(f->outside) != EACCES)
        return 1;
    return read_from("/etc/passwd") == 0 ? 0 : 2;
}

static int try_network(const struct fixture *f)
{
    (void)f;
    return connect_somewhere() == EACCES ? 0 : 1;
}

static void changes_only_what_was_named(void **state)
{
    in_child(*state, false, try_files);
}

static void reads_everything_where_that_was_said(void **state)
{
    in_child(*state, true, try_free_reading);
}

static void reaches_no_other_machine(void **state)
{
    if (landlock_version() < 4)
        skip();
    in_child(*state, false, try_network);
}

int main(void)
{
#define TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
    const struct CMUnitTest tests[] = {
        TEST(changes_only_what_was_named),
        TEST(reads_everything_where_that_was_said),
        TEST(reaches_no_other_machine),
    };
    return cmocka_run_group_tests_name("sandbox", tests, NULL, NULL);
}
