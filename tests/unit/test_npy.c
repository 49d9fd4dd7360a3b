#include "tests/unit/test.h"

#include "base/err.h"
#include "base/file.h"
#include "base/npy.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static char path[] = "/tmp/hilum-npy-XXXXXX";

static int make_path(void **state)
{
    (void)state;
    const int fd = mkstemp(path);
    return fd < 0 ? -1 : close(fd);
}

static int remove_path(void **state)
{
    (void)state;
    return unlink(path);
}

static void reads_what_it_wrote(void **state)
{
    (void)state;
    float numbers[6] = {1, -2, 3.5f, 0, 1e30f, -0.0f};
    const struct npy out = {
        .kind = 'f', .size = 4, .rank = 2, .dim = {2, 3}, .data = numbers, .bytes = 24};
    struct npy in = {0};
    struct err err = {0};

    assert_int_equal(npy_write(path, &out, NULL), 0);
    assert_int_equal(npy_read(path, 1 << 20, &in, &err), 0);

    assert_int_equal(in.kind, 'f');
    assert_int_equal(in.rank, 2);
    assert_int_equal(in.dim[1], 3);
    assert_memory_equal(in.data, numbers, sizeof(numbers));
    free(in.data);
}

static void refuses_what_is_no_array(void **state)
{
    (void)state;
    static const struct {
        const char *header;
        int code;
    } cases[] = {
        {"", ERR_FORMAT},
        {"{'descr': '<f4', 'fortran_order': False, 'shape': (9,), }",
         ERR_FORMAT}, // no numbers
        {"{'descr': '|O8', 'fortran_order': False, 'shape': (0,), }", ERR_UNSUPPORTED},
        {"{'descr': '>f4', 'fortran_order': False, 'shape': (0,), }", ERR_UNSUPPORTED},
        {"{'descr': '<f4', 'fortran_order': True, 'shape': (0, 2)}", ERR_UNSUPPORTED},
        {"{'descr': '<f4', 'shape': (4611686018427387904, 4)}", ERR_LIMIT},
        {"{'descr': '<f4', 'shape': (1,1,1,1,1,1,1,1,1)}", ERR_FORMAT},
        {"{'descr': '<f4', 'shape': (-1,)}", ERR_FORMAT},
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct npy in = {0};
        struct err err = {0};
        char file[128];
        const int text = snprintf(file + 10, sizeof(file) - 10, "%s", cases[i].header);
        memcpy(file, "\x93NUMPY\x01\x00", 8);
        file[8] = (char)text;
        file[9] = 0;
        assert_int_equal(file_write(path, file, 10 + (size_t)text, NULL), 0);
        assert_int_equal(npy_read(path, 1 << 20, &in, &err), cases[i].code);
        // Cut short anywhere it is refused too.
        for (size_t size = 0; size < 10 + (size_t)text; size += 7) {
            assert_int_equal(file_write(path, file, size, NULL), 0);
            assert_int_equal(npy_read(path, 1 << 20, &in, &err), ERR_FORMAT);
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(reads_what_it_wrote),
        cmocka_unit_test(refuses_what_is_no_array),
    };
    return cmocka_run_group_tests_name("npy", tests, make_path, remove_path);
}
