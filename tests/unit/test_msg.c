#include "tests/unit/test.h"

#include "base/msg.h"

#include <fcntl.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

static void gives_back_what_was_put(void **state)
{
    (void)state;
    struct msg msg;
    msg_init(&msg, 7);
    msg_put_text(&msg, "spool/a");
    msg_put_i64(&msg, -5);
    msg_put_f64(&msg, 0.25);
    msg_put_text(&msg, "");

    assert_string_equal(msg_get_text(&msg), "spool/a");
    assert_int_equal(msg_get_i64(&msg), -5);
    assert_true(msg_get_f64(&msg) == 0.25);
    assert_string_equal(msg_get_text(&msg), "");
    assert_false(msg.is_bad);
    assert_int_equal(msg_get_u32(&msg), 0);
    assert_true(msg.is_bad);
    msg_finish(&msg);
}

static void survives_every_cut_and_every_flipped_byte(void **state)
{
    (void)state;
    struct msg whole;
    msg_init(&whole, 1);
    msg_put_text(&whole, "text");
    msg_put_u32(&whole, 3);
    uint8_t wire[64] = {0};
    memcpy(wire, &(uint32_t){(uint32_t)whole.size}, 4);
    memcpy(wire + 8, whole.data, whole.size);
    const size_t n = 8 + whole.size;

    for (size_t i = 0; i < n * 256; i++) {
        uint8_t bytes[64];
        memcpy(bytes, wire, sizeof(wire));
        bytes[i / 256] = (uint8_t)i;
        for (size_t cut = 0; cut <= n; cut += i % 256 == 0 ? 1 : n) {
            struct msg msg = {0};
            size_t used = 0;
            if (msg_parse(bytes, cut, &msg, &used) == 0 && used > 0) {
                assert_true(used <= cut);
                assert_true(strlen(msg_get_text(&msg)) < 64);
                (void)msg_get_u32(&msg);
            }
            msg_finish(&msg);
        }
    }
    msg_finish(&whole);
}

static void carries_a_descriptor(void **state)
{
    (void)state;
    int pair[2], file = open("/dev/null", O_RDONLY), got = -1;
    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, pair), 0);
    struct msg msg, back;
    msg_init(&msg, 2);
    msg_put_text(&msg, "here");

    assert_int_equal(msg_write(pair[0], &msg, file), 0);
    close(pair[0]);
    assert_int_equal(msg_read(pair[1], &back, &got), 1);
    assert_true(got >= 0 && got != file);
    assert_int_equal(back.type, 2);
    assert_string_equal(msg_get_text(&back), "here");
    msg_finish(&back);
    assert_int_equal(msg_read(pair[1], &back, NULL), 0);

    msg_finish(&msg);
    close(got);
    close(file);
    close(pair[1]);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(gives_back_what_was_put),
        cmocka_unit_test(survives_every_cut_and_every_flipped_byte),
        cmocka_unit_test(carries_a_descriptor),
    };
    return cmocka_run_group_tests_name("msg", tests, NULL, NULL);
}
