#include "src/child.h"

#include "base/err.h"
#include "src/channel.h"
#include "src/loop.h"

#include <assert.h>
#include <errno.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

enum { ARGUMENTS_MAX = 8 };

struct child {
    struct loop *loop;
    struct child_hooks hooks;
    struct loop_process *process;
    struct channel *channel;
    bool is_inside;    // a hook is running
    bool is_ending;    // exited() is running: it frees
    bool is_destroyed; // from inside a hook: freed when that returns
};

/* ---- hooks: the owner may destroy the child from inside one ---- */

/* Free the child if its owner has let go of it inside a hook. */
static void settle(struct child *child)
{
    child->is_inside = false;
    if (child->is_destroyed && !child->is_ending)
        free(child);
}

static void message(void *ctx, struct msg *msg)
{
    struct child *child = ctx;
    child->is_inside = true;
    child->hooks.message(child->hooks.ctx, child, msg);
    settle(child);
}

/* The end is told when the process has been reaped: exited(). */
static void broken(void *ctx)
{
    struct child *child = ctx;
    if (child->process)
        loop_process_kill(child->process, SIGKILL);
}

static void exited(void *ctx, int64_t status, int signal)
{
    struct child *child = ctx;
    char how[64];
    if (signal)
        snprintf(how, sizeof(how), "signal %d", signal);
    else
        snprintf(how, sizeof(how), "exit status %lld", (long long)status);
    loop_process_destroy(child->process);
    child->process = NULL;
    child->is_ending = true;
    channel_drain(child->channel); // its last words come before its end
    child->is_ending = false;
    channel_destroy(child->channel);
    child->channel = NULL;
    child->is_inside = true;
    if (!child->is_destroyed)
        child->hooks.ended(child->hooks.ctx, child, how);
    settle(child);
}

/* ---- life ---- */

static int start(struct child *child, const char *kind, const char *const *arguments,
                 int their_fd, struct err *err)
{
    char option[32];
    snprintf(option, sizeof(option), "--child=%s", kind);
    const char *argv[ARGUMENTS_MAX + 3] = {"/proc/self/exe", option};
    for (int i = 0; arguments[i]; i++) {
        assert(i < ARGUMENTS_MAX);
        argv[i + 2] = arguments[i];
    }
    const int fds[] = {-1, STDERR_FILENO, STDERR_FILENO, their_fd};
    const struct loop_process_spec spec = {argv, fds, 4};
    return loop_process_start(child->loop, &spec, exited, child, &child->process, err);
}

int child_create(struct loop *loop, const char *kind, const char *const *arguments,
                 const struct child_hooks *hooks, struct child **ret, struct err *err)
{
    int pair[2];
    auto_(child) struct child *child = calloc(1, sizeof(*child));
    if (!child)
        return err_set(err, ERR_NOMEM, "a child process");
    if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair) != 0)
        return err_set(err, ERR_IO, "socketpair: %s", strerror(errno));
    child->loop = loop;
    child->hooks = *hooks;
    const struct channel_hooks ours = {message, broken, child};
    int r = channel_create(loop, pair[0], &ours, &child->channel, err);
    if (r == 0)
        r = start(child, kind, arguments, pair[1], err);
    close(pair[1]);
    if (r == 0)
        *ret = take(child);
    return r;
}

void child_destroy(struct child *child)
{
    if (!child)
        return;
    channel_destroy(child->channel);
    child->channel = NULL;
    if (child->process) {
        loop_process_kill(child->process, SIGKILL);
        loop_process_destroy(child->process);
        child->process = NULL;
    }
    child->is_destroyed = true;
    if (!child->is_inside)
        free(child);
}

int child_send(struct child *child, const struct msg *msg, int pass_fd, struct err *err)
{
    if (!child->channel)
        return err_set(err, ERR_IO, "the child process has ended");
    const int r = channel_send(child->channel, msg, pass_fd, err);
    if (r < 0)
        broken(child);
    return r;
}

pid_t child_pid(const struct child *child)
{
    return child->process ? loop_process_pid(child->process) : 0;
}

int64_t child_resident_bytes(const struct child *child)
{
    char path[64];
    long long pages = 0;
    snprintf(path, sizeof(path), "/proc/%d/statm", (int)child_pid(child));
    FILE *file = fopen(path, "re");
    if (!file)
        return 0;
    if (fscanf(file, "%*s %lld", &pages) != 1)
        pages = 0;
    fclose(file);
    return pages * sysconf(_SC_PAGESIZE);
}
