#include "tests/unit/test.h"

#include "base/log.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static int saved, reader;

static int setup(void **state)
{
    (void)state;
    int ends[2];
    if (pipe(ends) != 0)
        return -1;
    saved = dup(STDERR_FILENO);
    dup2(ends[1], STDERR_FILENO);
    close(ends[1]);
    reader = ends[0];
    return 0;
}

/* What was logged so far; ends logging to here. */
static void read_log(char *ret, size_t size)
{
    dup2(saved, STDERR_FILENO);
    close(saved);
    size_t n = 0;
    ssize_t got;
    while (n < size - 1 && (got = read(reader, ret + n, size - 1 - n)) > 0)
        n += (size_t)got;
    ret[n] = '\0';
    close(reader);
}

static void writes_one_line_an_event(void **state)
{
    (void)state;
    char text[4000];
    log_event(LOG_INFO, "job.done", "job=%d seconds=%.1f", 3, 2.1);
    log_event(LOG_DEBUG, "not.seen", "x=1");
    log_event(LOG_ERROR, "bad", "error=\"%s\"", "a\nb\r\x1b[31mc\x7f\tz");
    read_log(text, sizeof(text));
    char *second = strchr(text, '\n') + 1;
    second[-1] = '\0';
    assert_int_equal(text[10], 'T');
    assert_string_equal(text + 23, "Z info job.done job=3 seconds=2.1");
    assert_string_equal(second + 23, "Z error bad error=\"a b  [31mc  z\"\n");
}

static void cuts_long_lines(void **state)
{
    (void)state;
    char text[4000], long_text[3000];
    memset(long_text, 'x', sizeof(long_text));
    long_text[sizeof(long_text) - 1] = '\0';
    log_event(LOG_WARN, "long", "text=%s", long_text);
    log_event(LOG_WARN, "next", "%s", "");
    read_log(text, sizeof(text));
    assert_int_equal(strchr(text, '\n') - text + 1, 1023);
    assert_non_null(strstr(text, "Z warn next \n"));
}

static void *log_many(void *ctx)
{
    for (int i = 0; i < 100; i++)
        log_event(LOG_INFO, "thread", "%s", (const char *)ctx);
    return NULL;
}

static void keeps_lines_of_threads_apart(void **state)
{
    (void)state;
    pthread_t threads[4];
    static char texts[4][40], log[40000];
    for (int i = 0; i < 4; i++) {
        memset(texts[i], 'a' + i, sizeof(texts[i]) - 1);
        pthread_create(&threads[i], NULL, log_many, texts[i]);
    }
    for (int i = 0; i < 4; i++)
        pthread_join(threads[i], NULL);
    read_log(log, sizeof(log));
    int lines = 0;
    for (char *line = strtok(log, "\n"); line; line = strtok(NULL, "\n"), lines++)
        assert_int_equal(strspn(line + 37, (char[]){line[37], '\0'}), 39);
    assert_int_equal(lines, 400);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(writes_one_line_an_event, setup),
        cmocka_unit_test_setup(cuts_long_lines, setup),
        cmocka_unit_test_setup(keeps_lines_of_threads_apart, setup),
    };
    return cmocka_run_group_tests_name("log", tests, NULL, NULL);
}
