/*
 * msg: the messages between the node and its child processes.
 *
 * A message is u32 payload bytes, u32 type, then fields put one after the other in host byte
 * order: both ends are the same program. Putting and getting are sticky: after the first
 * that does not fit, is_bad is set, and all that follow give zeros.
 */
#ifndef BASE_MSG_H
#define BASE_MSG_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define MSG_BYTES_MAX (16u << 20) // payload; a job of 100,000 paths fits

struct msg {
    uint32_t type;
    uint8_t *data; // payload; owned
    size_t size, room;
    size_t at;   // where the next get reads
    bool is_bad; // no memory, too large, or read past its end
};

/** Begin a message of that type (freeing nothing: msg is new). */
void msg_init(struct msg *msg, uint32_t type);
void msg_finish(struct msg *msg);

void msg_put_bytes(struct msg *msg, const void *data, size_t size);
void msg_put_u32(struct msg *msg, uint32_t value);
void msg_put_i64(struct msg *msg, int64_t value);
void msg_put_f64(struct msg *msg, double value);
void msg_put_text(struct msg *msg, const char *text);

/** Copy size bytes out; zeros when they are not there. */
void msg_get_bytes(struct msg *msg, void *ret, size_t size);
uint32_t msg_get_u32(struct msg *msg);
int64_t msg_get_i64(struct msg *msg);
double msg_get_f64(struct msg *msg);
/** Borrowed text inside the message, "" when it is not there. */
const char *msg_get_text(struct msg *msg);

/** Blocking: write msg to fd, with descriptor pass_fd (or -1) beside its first byte.
 * 0, or -1 with errno. A message that is_bad is not written (errno EMSGSIZE). */
int msg_write(int fd, const struct msg *msg, int pass_fd);
/** Blocking: read the next message from fd into msg (which is finished by the caller).
 * ret_fd (may be NULL) gets a passed descriptor or -1. 1: read, 0: end, -1: broken. */
int msg_read(int fd, struct msg *msg, int *ret_fd);

/** Take the first whole message out of size bytes at data; *ret_used is what it took, 0 when
 * it is not whole yet. 0, or -1 when no message can be there. msg borrows nothing. */
int msg_parse(const uint8_t *data, size_t size, struct msg *msg, size_t *ret_used);

#endif
