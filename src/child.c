#include "src/child.h"

#include "base/err.h"
#include "base/msg.h"
#include "src/loop.h"
#include "src/protocol.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

enum { ARGUMENTS_MAX = 8, READ_BYTES = 65536 };

struct bytes {
    uint8_t *data;
    size_t size, room;
};

struct child {
    struct loop *loop;
    struct child_hooks hooks;
    struct loop_process *process;
    struct loop_watch *watch;
    int fd;
    struct bytes in, out;
    bool is_told, is_inside; // ended was called; a hook is running
    bool is_destroyed;       // from inside a hook: freed when that returns
};

static bool append(struct bytes *b, const void *data, size_t size)
{
    if (size > b->room - b->size) {
        const size_t room = (b->size + size) * 2;
        uint8_t *more = realloc(b->data, room);
        if (!more)
            return false;
        b->data = more;
        b->room = room;
    }
    memcpy(b->data + b->size, data, size);
    b->size += size;
    return true;
}

static void drop_front(struct bytes *b, size_t size)
{
    memmove(b->data, b->data + size, b->size - size);
    b->size -= size;
}

static void free_child(struct child *child)
{
    free(child->in.data);
    free(child->out.data);
    free(child);
}

static void hang_up(struct child *child)
{
    loop_watch_destroy(child->watch);
    child->watch = NULL;
    if (child->fd >= 0)
        close(child->fd);
    child->fd = -1;
}

/* ---- hooks: the owner may destroy the child from inside one ---- */

static void tell_message(struct child *child, struct msg *msg)
{
    child->is_inside = true;
    child->hooks.message(child->hooks.ctx, child, msg);
    child->is_inside = false;
}

static void tell_ended(struct child *child, const char *how)
{
    if (child->is_told)
        return;
    child->is_told = true;
    hang_up(child);
    child->is_inside = true;
    child->hooks.ended(child->hooks.ctx, child, how);
    child->is_inside = false;
}

/* True when the child is no more. */
static bool settle(struct child *child)
{
    if (!child->is_destroyed)
        return false;
    free_child(child);
    return true;
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
    tell_ended(child, how);
    settle(child);
}

/* ---- the pipe ---- */

static void break_off(struct child *child)
{
    hang_up(child);
    if (child->process)
        loop_process_kill(child->process, SIGKILL); // exited() tells
}

/* Give every whole message to the owner. */
static void take_messages(struct child *child)
{
    while (!child->is_destroyed) {
        struct msg msg = {0};
        size_t used = 0;
        if (msg_parse(child->in.data, child->in.size, &msg, &used) < 0) {
            msg_finish(&msg);
            break_off(child);
            return;
        }
        if (used == 0)
            return;
        drop_front(&child->in, used);
        tell_message(child, &msg);
        msg_finish(&msg);
    }
}

static void read_some(struct child *child)
{
    uint8_t buffer[READ_BYTES];
    for (;;) {
        const ssize_t n = recv(child->fd, buffer, sizeof(buffer), MSG_DONTWAIT);
        if (n < 0 && (errno == EAGAIN || errno == EINTR))
            break;
        if (n <= 0 || !append(&child->in, buffer, (size_t)n)) {
            break_off(child);
            break;
        }
        if ((size_t)n < sizeof(buffer))
            break;
    }
    take_messages(child);
}

static void write_some(struct child *child)
{
    while (child->out.size > 0) {
        const ssize_t n = send(child->fd, child->out.data, child->out.size,
                               MSG_DONTWAIT | MSG_NOSIGNAL);
        if (n < 0 && (errno == EAGAIN || errno == EINTR))
            return;
        if (n <= 0) {
            break_off(child);
            return;
        }
        drop_front(&child->out, (size_t)n);
    }
    loop_watch_set(child->watch, LOOP_READABLE);
}

static void ready(void *ctx, int events)
{
    struct child *child = ctx;
    if (events & LOOP_WRITABLE)
        write_some(child);
    if (child->fd >= 0 && events & LOOP_READABLE)
        read_some(child);
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
    struct child *child = calloc(1, sizeof(*child));
    if (!child)
        return err_set(err, ERR_NOMEM, "a child process");
    if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair) != 0) {
        free(child);
        return err_set(err, ERR_IO, "socketpair: %s", strerror(errno));
    }
    child->loop = loop;
    child->hooks = *hooks;
    child->fd = pair[0];
    int r = start(child, kind, arguments, pair[1], err);
    close(pair[1]);
    if (r == 0)
        r = loop_watch_create(loop, child->fd, ready, child, &child->watch, err);
    if (r < 0) {
        child_destroy(child);
        return r;
    }
    loop_watch_set(child->watch, LOOP_READABLE);
    *ret = child;
    return 0;
}

void child_destroy(struct child *child)
{
    if (!child)
        return;
    hang_up(child);
    if (child->process) {
        loop_process_kill(child->process, SIGKILL);
        loop_process_destroy(child->process);
        child->process = NULL;
    }
    child->is_told = child->is_destroyed = true;
    if (!child->is_inside)
        free_child(child);
}

int child_send(struct child *child, const struct msg *msg, int pass_fd, struct err *err)
{
    if (child->fd < 0 || msg->is_bad)
        return err_set(err, ERR_IO, "the child process has ended");
    if (pass_fd >= 0) { // small, and the child is idle: its pipe is empty
        assert(child->out.size == 0);
        if (msg_write(child->fd, msg, pass_fd) == 0)
            return 0;
        break_off(child);
        return err_set(err, ERR_IO, "pass a socket: %s", strerror(errno));
    }
    const uint32_t head[2] = {(uint32_t)msg->size, msg->type};
    if (!append(&child->out, head, sizeof(head))
        || (msg->size > 0 && !append(&child->out, msg->data, msg->size)))
        return err_set(err, ERR_NOMEM, "a message");
    loop_watch_set(child->watch, LOOP_READABLE | LOOP_WRITABLE);
    write_some(child);
    return 0;
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
