#include "src/control.h"

#include "base/err.h"
#include "base/msg.h"
#include "src/channel.h"
#include "src/loop.h"
#include "src/protocol.h"

#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/time.h>
#include <sys/un.h>
#include <unistd.h>

enum { CLIENTS_MAX = 64, BACKLOG = 64, ANSWER_TIMEOUT_S = 30 };

static const char NAME[] = "control.sock";

struct client {
    struct control *control;
    struct channel *channel; // NULL: nobody
    int64_t number;          // of the asker
};

struct control {
    struct loop *loop;
    struct control_hooks hooks;
    int listen_fd, folder_fd;
    struct loop_watch *watch;
    int64_t askers; // so far
    struct client clients[CLIENTS_MAX];
};

/* The socket's address by way of an open folder: its own path may be longer than the 107
 * bytes that an address holds. */
static struct sockaddr_un address_in(int folder_fd)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    snprintf(address.sun_path, sizeof(address.sun_path), "/proc/self/fd/%d/%s", folder_fd,
             NAME);
    return address;
}

static int open_folder(const char *state_dir)
{
    return open(state_dir, O_PATH | O_DIRECTORY | O_CLOEXEC);
}

/* ---- the node's half ---- */

static void hang_up(struct client *client)
{
    channel_destroy(client->channel);
    client->channel = NULL;
}

static void message(void *ctx, struct msg *msg)
{
    struct client *client = ctx;
    struct control *control = client->control;
    control->hooks.request(control->hooks.ctx, control, client->number, msg);
}

static void broken(void *ctx)
{
    hang_up(ctx);
}

static void welcome(struct control *control, int fd)
{
    struct client *client = NULL;
    for (int i = 0; i < CLIENTS_MAX && !client; i++)
        client = control->clients[i].channel ? NULL : &control->clients[i];
    if (!client) {
        close(fd);
        return;
    }
    const struct channel_hooks hooks = {message, broken, client};
    client->number = ++control->askers;
    channel_create(control->loop, fd, &hooks, &client->channel, NULL);
}

static void connection(void *ctx, int events)
{
    struct control *control = ctx;
    (void)events;
    int fd;
    while ((fd = accept4(control->listen_fd, NULL, NULL, SOCK_CLOEXEC)) >= 0)
        welcome(control, fd);
}

static int listen_in(struct control *control, const char *state_dir, struct err *err)
{
    control->folder_fd = open_folder(state_dir);
    control->listen_fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (control->folder_fd < 0 || control->listen_fd < 0)
        return err_set(err, ERR_IO, "control socket: %s", strerror(errno));
    unlinkat(control->folder_fd, NAME, 0); // of a node that was killed: the lock says so
    const struct sockaddr_un address = address_in(control->folder_fd);
    const mode_t mask = umask(0117); // the node's user and group may ask
    const int bound =
        bind(control->listen_fd, (const struct sockaddr *)&address, sizeof(address));
    umask(mask);
    if (bound != 0 || listen(control->listen_fd, BACKLOG) != 0)
        return err_set(err, ERR_IO, "control socket: %s", strerror(errno));
    const int r = loop_watch_create(control->loop, control->listen_fd, connection,
                                    control, &control->watch, err);
    if (r == 0)
        loop_watch_set(control->watch, LOOP_READABLE);
    return r;
}

int control_create(struct loop *loop, const char *state_dir,
                   const struct control_hooks *hooks, struct control **ret,
                   struct err *err)
{
    auto_(control) struct control *control = calloc(1, sizeof(*control));
    if (!control)
        return err_set(err, ERR_NOMEM, "the control socket");
    control->loop = loop;
    control->hooks = *hooks;
    control->listen_fd = control->folder_fd = -1;
    for (int i = 0; i < CLIENTS_MAX; i++)
        control->clients[i].control = control;
    const int r = listen_in(control, state_dir, err);
    if (r == 0)
        *ret = take(control);
    return r;
}

void control_destroy(struct control *control)
{
    if (!control)
        return;
    for (int i = 0; i < CLIENTS_MAX; i++)
        hang_up(&control->clients[i]);
    loop_watch_destroy(control->watch);
    if (control->listen_fd >= 0)
        close(control->listen_fd);
    if (control->folder_fd >= 0) {
        unlinkat(control->folder_fd, NAME, 0);
        close(control->folder_fd);
    }
    free(control);
}

void control_answer(struct control *control, int64_t asker, int code, const char *text)
{
    struct msg msg;
    msg_init(&msg, CONTROL_ANSWER);
    msg_put_u32(&msg, (uint32_t)-code);
    msg_put_text(&msg, text);
    for (int i = 0; i < CLIENTS_MAX; i++) {
        struct client *client = &control->clients[i];
        if (client->channel && client->number == asker)
            channel_send(client->channel, &msg, -1, NULL); // the client hangs up
    }
    msg_finish(&msg);
}

/* ---- the client's half ---- */

static int connect_to(const char *state_dir, struct err *err)
{
    const int folder = open_folder(state_dir);
    if (folder < 0)
        return err_set(err, ERR_NOTFOUND, "no node has its state in %s: %s", state_dir,
                       strerror(errno));
    const int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    const struct sockaddr_un address = address_in(folder);
    const int r = connect(fd, (const struct sockaddr *)&address, sizeof(address));
    const int why = errno;
    close(folder);
    if (r == 0)
        return fd;
    close(fd);
    if (why == ENOENT || why == ECONNREFUSED)
        return err_set(err, ERR_NOTFOUND, "no node runs with its state in %s", state_dir);
    return err_set(err, ERR_IO, "control socket in %s: %s", state_dir, strerror(why));
}

static int read_answer(int fd, char **ret, struct err *err)
{
    struct msg msg;
    if (msg_read(fd, &msg, NULL) != 1 || msg.type != CONTROL_ANSWER) {
        msg_finish(&msg);
        return err_set(err, ERR_IO, "the node gave no answer");
    }
    const int code = -(int)msg_get_u32(&msg);
    const char *text = msg_get_text(&msg);
    char *copy = strdup(text);
    int r = 0;
    if (code < 0)
        r = err_set(err, (enum err_code)code, "%s", text);
    else if (!copy)
        r = err_set(err, ERR_NOMEM, "the node's answer");
    msg_finish(&msg);
    if (r < 0)
        free(copy);
    else
        *ret = copy;
    return r;
}

int control_ask(const char *state_dir, const struct msg *request, char **ret,
                struct err *err)
{
    const int fd = connect_to(state_dir, err);
    if (fd < 0)
        return fd;
    const struct timeval limit = {ANSWER_TIMEOUT_S, 0};
    setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof(limit));
    setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &limit, sizeof(limit));
    const int r = msg_write(fd, request, -1) == 0
                      ? read_answer(fd, ret, err)
                      : err_set(err, ERR_IO, "the node does not read");
    close(fd);
    return r;
}
