#include "base/msg.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <unistd.h>

struct head {
    uint32_t size, type;
};

void msg_init(struct msg *msg, uint32_t type)
{
    *msg = (struct msg){.type = type};
}

void msg_finish(struct msg *msg)
{
    free(msg->data);
    *msg = (struct msg){0};
}

static bool reserve(struct msg *msg, size_t more)
{
    if (msg->is_bad || more > MSG_BYTES_MAX - msg->size)
        return false;
    if (msg->size + more <= msg->room)
        return true;

    size_t room = msg->room ? msg->room : 256;
    while (room < msg->size + more)
        room *= 2;
    uint8_t *data = realloc(msg->data, room);
    if (!data)
        return false;
    msg->data = data;
    msg->room = room;
    return true;
}

void msg_put_bytes(struct msg *msg, const void *data, size_t size)
{
    if (!reserve(msg, size)) {
        msg->is_bad = true;
        return;
    }
    if (size > 0)
        memcpy(msg->data + msg->size, data, size);
    msg->size += size;
}

void msg_put_u32(struct msg *msg, uint32_t value)
{
    msg_put_bytes(msg, &value, sizeof(value));
}

void msg_put_i64(struct msg *msg, int64_t value)
{
    msg_put_bytes(msg, &value, sizeof(value));
}

void msg_put_f64(struct msg *msg, double value)
{
    msg_put_bytes(msg, &value, sizeof(value));
}

void msg_put_text(struct msg *msg, const char *text)
{
    const size_t size = strlen(text) + 1;
    msg_put_u32(msg, size > MSG_BYTES_MAX ? MSG_BYTES_MAX : (uint32_t)size);
    msg_put_bytes(msg, text, size);
}

void msg_get_bytes(struct msg *msg, void *ret, size_t size)
{
    if (msg->is_bad || size > msg->size - msg->at) {
        msg->is_bad = true;
        memset(ret, 0, size);
        return;
    }
    memcpy(ret, msg->data + msg->at, size);
    msg->at += size;
}

uint32_t msg_get_u32(struct msg *msg)
{
    uint32_t value;
    msg_get_bytes(msg, &value, sizeof(value));
    return value;
}

int64_t msg_get_i64(struct msg *msg)
{
    int64_t value;
    msg_get_bytes(msg, &value, sizeof(value));
    return value;
}

double msg_get_f64(struct msg *msg)
{
    double value;
    msg_get_bytes(msg, &value, sizeof(value));
    return value;
}

const char *msg_get_text(struct msg *msg)
{
    const uint32_t size = msg_get_u32(msg);
    if (msg->is_bad || size == 0 || size > msg->size - msg->at
        || msg->data[msg->at + size - 1] != '\0') {
        msg->is_bad = true;
        return "";
    }
    const char *text = (const char *)msg->data + msg->at;
    msg->at += size;
    return text;
}

static ssize_t send_some(int fd, struct iovec *iov, int count, int pass_fd)
{
    union {
        char bytes[CMSG_SPACE(sizeof(int))];
        struct cmsghdr align;
    } control = {{0}};
    struct msghdr header = {.msg_iov = iov, .msg_iovlen = (size_t)count};

    if (pass_fd >= 0) {
        header.msg_control = control.bytes;
        header.msg_controllen = sizeof(control.bytes);
        struct cmsghdr *c = CMSG_FIRSTHDR(&header);
        c->cmsg_level = SOL_SOCKET;
        c->cmsg_type = SCM_RIGHTS;
        c->cmsg_len = CMSG_LEN(sizeof(int));
        memcpy(CMSG_DATA(c), &pass_fd, sizeof(int));
    }
    return sendmsg(fd, &header, MSG_NOSIGNAL);
}

int msg_write(int fd, const struct msg *msg, int pass_fd)
{
    struct head head = {(uint32_t)msg->size, msg->type};
    struct iovec iov[2] = {{&head, sizeof(head)}, {msg->data, msg->size}};
    if (msg->is_bad) {
        errno = EMSGSIZE;
        return -1;
    }

    int i = 0;
    while (i < 2) {
        ssize_t n = send_some(fd, iov + i, 2 - i, pass_fd);
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            return -1;
        pass_fd = -1; // it went with the first byte
        while (i < 2 && (size_t)n >= iov[i].iov_len)
            n -= (ssize_t)iov[i++].iov_len;
        if (i < 2) {
            iov[i].iov_base = (char *)iov[i].iov_base + n;
            iov[i].iov_len -= (size_t)n;
        }
    }
    return 0;
}

/* Read exactly size bytes; 1, 0 at a clean end, -1. A descriptor may come with the first. */
static int read_exactly(int fd, void *ret, size_t size, int *ret_fd)
{
    size_t n = 0;
    while (n < size) {
        union {
            char bytes[CMSG_SPACE(sizeof(int))];
            struct cmsghdr align;
        } control = {{0}};
        struct iovec iov = {(char *)ret + n, size - n};
        struct msghdr header = {.msg_iov = &iov, .msg_iovlen = 1};
        header.msg_control = control.bytes;
        header.msg_controllen = sizeof(control.bytes);

        const ssize_t got = recvmsg(fd, &header, MSG_CMSG_CLOEXEC);
        if (got < 0 && errno == EINTR)
            continue;
        if (got <= 0)
            return got == 0 && n == 0 ? 0 : -1;

        const struct cmsghdr *c = CMSG_FIRSTHDR(&header);
        if (c && c->cmsg_type == SCM_RIGHTS) {
            int passed;
            memcpy(&passed, CMSG_DATA(c), sizeof(passed));
            if (ret_fd && *ret_fd < 0)
                *ret_fd = passed;
            else
                close(passed);
        }
        n += (size_t)got;
    }
    return 1;
}

int msg_read(int fd, struct msg *msg, int *ret_fd)
{
    struct head head;
    msg_init(msg, 0);
    if (ret_fd)
        *ret_fd = -1;

    const int r = read_exactly(fd, &head, sizeof(head), ret_fd);
    if (r <= 0)
        return r;
    msg->type = head.type;
    if (head.size > MSG_BYTES_MAX || !reserve(msg, head.size))
        return -1;
    msg->size = head.size;
    return head.size == 0 || read_exactly(fd, msg->data, head.size, NULL) == 1 ? 1 : -1;
}

int msg_parse(const uint8_t *data, size_t size, struct msg *msg, size_t *ret_used)
{
    struct head head;
    *ret_used = 0;
    if (size < sizeof(head))
        return 0;
    memcpy(&head, data, sizeof(head));
    if (head.size > MSG_BYTES_MAX)
        return -1;
    if (size - sizeof(head) < head.size)
        return 0;

    msg_init(msg, head.type);
    msg_put_bytes(msg, data + sizeof(head), head.size);
    if (msg->is_bad)
        return -1;
    *ret_used = sizeof(head) + head.size;
    return 0;
}
