/* replay FOLDER...: runs every file below the folders through a fuzz target, cut at a few
 * places too. What libFuzzer found once is an ordinary test from then on. */
#include "base/err.h"
#include "base/file.h"
#include "tests/fuzz/fuzz.h"

enum { FILE_BYTES_MAX = 16 << 20, CUTS = 16 };

static int run(void *ctx, const char *path, int64_t size, struct err *err)
{
    char *data = NULL;
    size_t n = 0;
    (void)size;
    const int r = file_read(path, FILE_BYTES_MAX, &data, &n, err);
    if (r < 0)
        return r;
    for (size_t i = 1; i <= CUTS; i++) {
        const size_t part = n * i / CUTS;
        uint8_t *exact = malloc(part + !part); // so that ASan sees a byte too far
        if (!exact)
            abort();
        memcpy(exact, data, part);
        LLVMFuzzerTestOneInput(exact, part);
        free(exact);
    }
    free(data);
    ++*(size_t *)ctx;
    return 0;
}

int main(int argc, char **argv)
{
    size_t count = 0;
    struct err err = {0};
    for (int i = 1; i < argc; i++) {
        if (file_walk(argv[i], run, &count, &err) < 0) {
            fprintf(stderr, "replay: %s\n", err.text);
            return 1;
        }
    }
    printf("%zu files\n", count);
    return count == 0;
}
