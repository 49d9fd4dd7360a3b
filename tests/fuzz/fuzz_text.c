/* Byte: characters of the set's name; byte: room; the name; the text. */
#include "scp/text.h"
#include "tests/fuzz/fuzz.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size < 2 || data[0] > size - 2 || data[1] == 0)
        return 0;
    const size_t name = data[0], room = data[1];
    char charset[256];
    memcpy(charset, data + 2, name);
    charset[name] = '\0';

    char *ret = malloc(room); // of the very size, so that ASan sees a byte too far
    if (!ret)
        abort();
    text_to_utf8(charset, (const char *)data + 2 + name, size - 2 - name, ret, room);
    PROMISE(memchr(ret, '\0', room));
    PROMISE(fuzz_is_clean_utf8(ret));
    free(ret);
    return 0;
}
