/* A model card. */
#include "base/err.h"
#include "pipeline/lib/card.h"
#include "tests/fuzz/fuzz.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    auto_(card) struct card *card = NULL;
    struct err err = {0};
    char *text = calloc(1, size + 1);
    if (!text)
        abort();
    memcpy(text, data, size);
    if (!strstr(text, "@include")) { // card_read() refuses it
        const int r = card_parse(text, ".", &card, &err);
        PROMISE(r == 0 || (r == ERR_CONFIG && strncmp(err.text, "card.ucl:", 9) == 0));
    }
    if (card) {
        const size_t *patch = card->input.patch;
        PROMISE(patch[0] * patch[1] * patch[2] <= (size_t)1 << 28);
        PROMISE(card->name[0] && !strchr(card->name, '/') && !strchr(card->weights, '/'));
        PROMISE(strlen(card->sha256) == 64);
        for (size_t i = 0; i < card->label_count; i++) {
            const struct card_label *label = &card->labels[i];
            PROMISE(label->is_background || (label->type.value && label->category.value));
            PROMISE(strlen(label->volume_name) > strlen("_volume"));
        }
        for (size_t i = 0; i < card->series.body_parts; i++)
            PROMISE(card_body_part(card, i));
    }
    free(text);
    return 0;
}
