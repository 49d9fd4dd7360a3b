#include "tests/unit/test.h"

#include "base/err.h"
#include "base/sha256.h"

#include <string.h>

static void gives_the_digest_of_the_standard(void **state)
{
    (void)state;
    char hex[SHA256_HEX];
    sha256_hex("abc", 3, hex); // FIPS 180-4, example
    assert_string_equal(
        hex, "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
}

static void names_the_file_that_it_cannot_read(void **state)
{
    (void)state;
    char hex[SHA256_HEX];
    struct err err = {0};
    assert_int_equal(sha256_file("/nonexistent", hex, &err), ERR_IO);
    assert_non_null(strstr(err.text, "/nonexistent"));
}

static void derives_the_same_uid_of_the_same_seed(void **state)
{
    (void)state;
    char a[65], b[65], c[65];
    sha256_uid("seed", "seg", a);
    sha256_uid("seed", "seg", b);
    sha256_uid("seed", "sr", c);

    assert_string_equal(a, b);
    assert_string_not_equal(a, c);
    assert_int_equal(strncmp(a, "2.25.", 5), 0);
    assert_int_equal(strspn(a, "0123456789."), strlen(a));
    assert_true(strlen(a) <= 64 && a[5] != '0');
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(gives_the_digest_of_the_standard),
        cmocka_unit_test(names_the_file_that_it_cannot_read),
        cmocka_unit_test(derives_the_same_uid_of_the_same_seed),
    };
    return cmocka_run_group_tests_name("sha256", tests, NULL, NULL);
}
