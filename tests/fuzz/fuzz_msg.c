/* What a child process writes: messages one after the other, read by their first field. */
#include "base/msg.h"
#include "tests/fuzz/fuzz.h"

static void read_fields(struct msg *msg)
{
    uint8_t bytes[100];
    for (int i = 0; i < 50 && !msg->is_bad; i++) {
        const uint32_t what = msg_get_u32(msg) % 5;
        if (what == 0) {
            const char *text = msg_get_text(msg);
            PROMISE(!*text || (text + strlen(text) < (char *)msg->data + msg->size));
        } else if (what == 1) {
            msg_get_i64(msg);
        } else if (what == 2) {
            msg_get_f64(msg);
        } else if (what == 3) {
            msg_get_bytes(msg, bytes, sizeof(bytes));
        }
        PROMISE(msg->at <= msg->size);
    }
    if (msg->is_bad)
        PROMISE(msg_get_u32(msg) == 0 && msg_get_i64(msg) == 0 && !*msg_get_text(msg));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    for (;;) {
        struct msg msg = {0};
        size_t used = 0;
        const int r = msg_parse(data, size, &msg, &used);
        PROMISE(r == 0 || r == -1);
        PROMISE(used <= size && (used == 0 || used == msg.size + 8));
        if (r == 0 && used > 0)
            read_fields(&msg);
        msg_finish(&msg);
        if (r < 0 || used == 0)
            return 0;
        data += used;
        size -= used;
    }
}
