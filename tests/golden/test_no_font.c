/* test_no_font: a machine without the font is told so; no page of empty boxes is made. */
#include "tests/unit/test.h"

#include "base/err.h"
#include "pipeline/lib/page.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static void a_missing_font_is_named(void **state)
{
    (void)state;
    char path[] = "/tmp/hilum-fonts-XXXXXX";
    int fd = mkstemp(path);
    assert_true(fd >= 0);
    static const char NONE[] = "<?xml version=\"1.0\"?><fontconfig></fontconfig>";
    assert_int_equal(write(fd, NONE, sizeof(NONE) - 1), sizeof(NONE) - 1);
    close(fd);
    setenv("FONTCONFIG_FILE", path, 1);

    struct err err = {0};
    struct page *page = NULL;
    assert_int_equal(page_create("a", "A", 100, 100, 0, &page, &err), ERR_NOTFOUND);
    assert_null(page);
    assert_non_null(strstr(err.text, "DejaVu Sans"));
    assert_non_null(strstr(err.text, "fonts-dejavu-core"));
    unlink(path);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(a_missing_font_is_named)};
    return cmocka_run_group_tests_name("no_font", tests, NULL, NULL);
}
