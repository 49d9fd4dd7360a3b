#include "src/channel.h"

#include "base/err.h"
#include "base/msg.h"
#include "src/loop.h"

#include <errno.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

enum {
    READ_BYTES = 65536,
    READS_A_TURN = 16, // so that one that floods does not hold up the others
    OUT_BYTES_MAX = 4 * MSG_BYTES_MAX, // waiting for one that does not read
};

struct bytes {
    uint8_t *data;
    size_t size, room;
};

struct channel {
    struct channel_hooks hooks;
    struct loop_watch *watch;
    int fd; // -1: broken
    struct bytes in, out;
    bool is_inside;    // a hook is running
    bool is_destroyed; // from inside a hook: freed when that returns
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

static void hang_up(struct channel *channel)
{
    loop_watch_destroy(channel->watch);
    channel->watch = NULL;
    if (channel->fd >= 0)
        close(channel->fd);
    channel->fd = -1;
}

static void free_channel(struct channel *channel)
{
    hang_up(channel);
    free(channel->in.data);
    free(channel->out.data);
    free(channel);
}

static void tell_broken(struct channel *channel)
{
    if (channel->fd < 0)
        return;
    hang_up(channel);
    channel->hooks.broken(channel->hooks.ctx);
}

/* Give every whole message to the owner. */
static bool take_messages(struct channel *channel)
{
    if (channel->in.size == 0)
        return true;
    size_t at = 0, used = 1;
    int r = 0;
    while (r == 0 && used > 0 && !channel->is_destroyed && channel->fd >= 0) {
        struct msg msg = {0};
        r = msg_parse(channel->in.data + at, channel->in.size - at, &msg, &used);
        at += used;
        if (r == 0 && used > 0)
            channel->hooks.message(channel->hooks.ctx, &msg);
        msg_finish(&msg);
    }
    if (at > 0)
        drop_front(&channel->in, at);
    return r == 0;
}

/* False when the channel has broken. What came before the end is still given. */
static bool read_some(struct channel *channel)
{
    uint8_t buffer[READ_BYTES];
    bool is_open = true;
    for (int i = 0; i < READS_A_TURN; i++) {
        const ssize_t n = recv(channel->fd, buffer, sizeof(buffer), MSG_DONTWAIT);
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0 && errno == EAGAIN)
            break;
        if (n <= 0 || !append(&channel->in, buffer, (size_t)n)) {
            is_open = false;
            break;
        }
        if ((size_t)n < sizeof(buffer))
            break;
    }
    return take_messages(channel) && is_open;
}

static bool write_some(struct channel *channel)
{
    size_t sent = 0;
    bool is_open = true;
    while (sent < channel->out.size) {
        const ssize_t n = send(channel->fd, channel->out.data + sent,
                               channel->out.size - sent, MSG_DONTWAIT | MSG_NOSIGNAL);
        if (n < 0 && errno == EINTR)
            continue;
        is_open = n > 0 || (n < 0 && errno == EAGAIN);
        if (n <= 0)
            break;
        sent += (size_t)n;
    }
    drop_front(&channel->out, sent);
    const int more = channel->out.size > 0 ? LOOP_WRITABLE : 0;
    if (is_open)
        loop_watch_set(channel->watch, LOOP_READABLE | more);
    return is_open;
}

static void ready(void *ctx, int events)
{
    struct channel *channel = ctx;
    channel->is_inside = true;
    bool is_open = !(events & LOOP_WRITABLE) || write_some(channel);
    if (is_open && channel->fd >= 0 && events & LOOP_READABLE)
        is_open = read_some(channel);
    if (!is_open && !channel->is_destroyed)
        tell_broken(channel);
    channel->is_inside = false;
    if (channel->is_destroyed)
        free_channel(channel);
}

int channel_create(struct loop *loop, int fd, const struct channel_hooks *hooks,
                   struct channel **ret, struct err *err)
{
    struct channel *channel = calloc(1, sizeof(*channel));
    if (!channel) {
        close(fd);
        return err_set(err, ERR_NOMEM, "a channel");
    }
    channel->fd = fd;
    channel->hooks = *hooks;
    const int r = loop_watch_create(loop, fd, ready, channel, &channel->watch, err);
    if (r < 0) {
        free_channel(channel);
        return r;
    }
    loop_watch_set(channel->watch, LOOP_READABLE);
    *ret = channel;
    return 0;
}

void channel_destroy(struct channel *channel)
{
    if (!channel)
        return;
    hang_up(channel);
    channel->is_destroyed = true;
    if (!channel->is_inside)
        free_channel(channel);
}

int channel_send(struct channel *channel, const struct msg *msg, int pass_fd,
                 struct err *err)
{
    if (channel->fd < 0 || msg->is_bad)
        return err_set(err, ERR_IO, "the other end has gone");
    if (channel->out.size + msg->size > OUT_BYTES_MAX
        || (pass_fd >= 0 && channel->out.size > 0))
        return err_set(err, ERR_IO, "the other end does not read");
    if (pass_fd >= 0) { // small, and the other end is idle: the socket is empty
        if (msg_write(channel->fd, msg, pass_fd) == 0)
            return 0;
        return err_set(err, ERR_IO, "pass a socket: %s", strerror(errno));
    }
    const uint32_t head[2] = {(uint32_t)msg->size, msg->type};
    if (!append(&channel->out, head, sizeof(head))
        || (msg->size > 0 && !append(&channel->out, msg->data, msg->size)))
        return err_set(err, ERR_NOMEM, "a message");
    write_some(channel); // a broken one is told by the loop, not from here
    return 0;
}

void channel_drain(struct channel *channel)
{
    channel->is_inside = true;
    if (channel->fd >= 0)
        read_some(channel); // more than a socket holds
    channel->is_inside = false;
    if (channel->is_destroyed)
        free_channel(channel);
}

bool channel_is_flushed(const struct channel *channel)
{
    return channel->out.size == 0;
}
