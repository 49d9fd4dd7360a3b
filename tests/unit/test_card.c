#include "tests/unit/test.h"

#include "base/err.h"
#include "base/file.h"
#include "base/sha256.h"
#include "kernels/engine.h"
#include "pipeline/lib/card.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* A card line by line, so that a case replaces one line and knows its number. */
static const char *const LINES[] = {
    "card = { name = \"bone\"; version = \"1.0\";",
    "  task = \"segmentation\";",
    "  sha256 = \"e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855\";",
    "  weights = \"model.onnx\"; precision = \"f32\";",
    "  intended_use = \"tests\"; };",
    "series = { body_parts = [\"CHEST\", \"ABDOMEN\"]; slices_min = 8; };",
    "input = { modality = \"CT\";",
    "  layout = \"n1zyx\";",
    "  spacing_mm = [3.0, 1.5, 1.0];",
    "  patch = [16, 32, 64];",
    "  multiple_of = 16;",
    "  normalise = \"window\"; clip_lo = -100.0; clip_hi = 400;",
    "  directions = \"SPL\"; overlap = 0.25; };",
    "output = { kind = \"logits\"; channels = 2; };",
    "labels = ( { channel = 0; name = \"background\"; }, {",
    "  channel = 1; name = \"bone\";",
    "  category_code = \"123037004\"; category_meaning = \"Anatomical Structure\";",
    "  type_code = \"272673000\"; type_meaning = \"Bone\";",
    "  colour = \"#102030\"; volume_min_ml = 1; volume_max_ml = 50; } );",
    "report = { region_code = \"51185008\"; region_meaning = \"Thorax\"; };",
    "accuracy = { what = \"Dice\"; mean = 0.9; fold_steps = 4; };",
    "limits = { whatever = \"none\"; };",
};

/** LINES with line (from 1) replaced; 0: none. */
static char *text_with(size_t line, const char *instead)
{
    char *text = calloc(1, 8192);
    assert_non_null(text);
    for (size_t i = 0; i < ARRAY_LEN(LINES); i++) {
        strcat(text, i + 1 == line ? instead : LINES[i]);
        strcat(text, "\n");
    }
    return text;
}

static void says_all_that_stands_in_it(void **state)
{
    (void)state;
    char *text = text_with(0, NULL);
    struct err err = {0};
    auto_(card) struct card *card = NULL;
    if (card_parse(text, "/models/bone", &card, &err) < 0)
        fail_msg("%s", err.text);
    free(text);
    assert_string_equal(card->name, "bone");
    assert_string_equal(card->title, "bone");
    assert_int_equal(card->task, CARD_SEGMENTATION);
    assert_int_equal(card->series.body_parts, 2);
    assert_string_equal(card_body_part(card, 1), "ABDOMEN");
    assert_int_equal(card->series.slices_min, 8);
    const struct card_input *in = &card->input;
    assert_true(in->spacing_mm[0] == 3.0 && in->spacing_mm[1] == 1.5
                && in->spacing_mm[2] == 1.0);
    assert_true(in->patch[0] == 16 && in->patch[1] == 32 && in->patch[2] == 64);
    assert_int_equal(in->scale, CARD_WINDOW);
    assert_true(in->clip_lo == -100.0 && in->clip_hi == 400.0 && in->overlap == 0.25);
    assert_string_equal(in->directions, "SPL");
    assert_int_equal(card->label_count, 2);
    assert_true(card->labels[0].is_background);
    const struct card_label *bone = &card->labels[1];
    assert_string_equal(bone->type.scheme, "SCT");
    assert_string_equal(bone->type.meaning, "Bone");
    assert_null(bone->anatomy.value);
    assert_true(bone->rgb[0] == 0x10 && bone->rgb[1] == 0x20 && bone->rgb[2] == 0x30);
    assert_true(bone->volume_max_ml == 50.0);
    assert_string_equal(card->region.meaning, "Thorax");
    assert_null(card->site.value);
    assert_true(card->accuracy_mean == 0.9 && isnan(card->accuracy_worst));
}

static void names_file_line_key_and_what_was_expected(void **state)
{
    (void)state;
    static const struct {
        size_t line;
        const char *instead, *expect;
    } cases[] = {
        {1, "card = { name = \"Bone\"; version = \"1\";", "1: card.name: a small letter"},
        {1, "card = { version = \"1\";", "1: card.name: must be given"},
        {1, "card = { name = \"b\"; version = \"\";", "1: card.version: a version"},
        {2, "task = \"magic\";",
         "2: card.task: expected one of segmentation, classification"},
        {3, "", "1: card.sha256: must be given"},
        {3, "sha256 = \"e3b0\";", "3: card.sha256: 64 hexadecimal digits"},
        {4, "weights = \"../other.onnx\";", "4: card.weights: the name of a file"},
        {4, "precision = \"int8\";", "1: card.calibrated: int8 needs"},
        {4, "precision = \"f23\";", "4: card.precision: expected one of f32, bf16, int8"},
        {4, "presicion = \"f32\";",
         "4: card.presicion: unknown key (did you mean precision?)"},
        {5, "};", "1: card.intended_use: must be given"},
        {6, "series = { slices_min = 0; };", "6: series.slices_min: 0 is not in 1.."},
        {6, "series = { value_lo = 5; value_hi = 4; };", "6: series.value_hi: more than"},
        {7, "input = {", "7: input.modality: must be given"},
        {7, "input = { modality = \"CT\"; channels = 2;",
         "7: input.channels: a model of several series"},
        {8, "layout = \"nxyz\";", "8: input.layout: expected one of n1yx, n1zyx"},
        {9, "spacing_mm = [1.0, 2.0];", "9: input.spacing_mm: three numbers"},
        {9, "spacing_mm = -1.0;", "9: input.spacing_mm: -1 is not in 0..100 mm"},
        {10, "patch = [16, 32, 60];", "10: input.patch: whole multiples of multiple_of"},
        {10, "", "7: input.patch: must be given"},
        {10, "patch = [1024, 1024, 4096];", "10: input.patch: more than 268435456"},
        {12, "normalise = \"window\"; clip_lo = 0.0;", "12: input.clip_lo: normalise ="},
        {12, "normalise = \"window\"; clip_lo = 5.0; clip_hi = 4.0;",
         "12: input.clip_hi: more than clip_lo"},
        {13, "directions = \"SPP\"; };", "13: input.directions: one of R L"},
        {14, "output = { kind = \"logits\"; channels = 1; };",
         "14: output.channels: logits have two or more"},
        {16, "channel = 2; name = \"bone\";", "16: labels.channel: less than output"},
        {16, "channel = 0; name = \"bone\";", "16: labels.channel: a second label"},
        {16, "channel = 1; name = \"background\";", "16: labels.name: a second label"},
        {17, "", "labels.category_code: expected as 123037004"},
        {17, "category_code = \"1\";",
         "labels.category_meaning: the meaning of the code"},
        {18, "", "labels.type_code: what is segmented needs a code"},
        {19, "colour = \"red\"; } );", "19: labels.colour: #rrggbb"},
        {19, "volume_min_ml = 5; volume_max_ml = 4; } );", "19: labels.volume_max_ml:"},
        {20, "report = { region_code = \"1\"; };",
         "20: report.region_meaning: the meaning"},
        {22, "limit = { };", "22: limit: unknown section"},
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        char *text = text_with(cases[i].line, cases[i].instead);
        struct card *card = NULL;
        struct err err = {0};
        const int r = card_parse(text, ".", &card, &err);
        free(text);
        assert_int_equal(r, ERR_CONFIG);
        assert_null(card);
        if (strncmp(err.text, "card.ucl:", 9) != 0 || !strstr(err.text, cases[i].expect))
            fail_msg("case %zu: \"%s\"\nexpected \"%s\"", i, err.text, cases[i].expect);
    }
}

static void reads_the_cards_of_the_tree(void **state)
{
    (void)state;
    const char *folder = getenv("HILUM_MODELS");
    if (!folder)
        skip();
    struct err err = {0};
    auto_(card) struct card *card = NULL;
    if (card_find(&folder, 1, "cardiac_sax", &card, &err) < 0)
        fail_msg("%s", err.text);
    assert_string_equal(card->analysis, "cardiac_cine");
    assert_int_equal(card->input.size, 128);
    assert_int_equal(card->input.wide_size, 192);
    assert_int_equal(card->output.edge, CARD_INCLUSIVE);
    assert_true(card->input.spacing_mm[1] == 1.33 && card->input.spacing_mm[2] == 1.33);
    auto_(engine) struct engine *engine = NULL;
    if (card_open(card, 1, 0, &engine, &err) < 0)
        fail_msg("%s", err.text);
    assert_int_equal(engine_find_input(engine, card->input.name), 0);
    struct card *none = NULL;
    assert_int_equal(card_find(&folder, 1, "no_such", &none, &err), ERR_NOTFOUND);
    assert_non_null(strstr(err.text, "no model no_such"));
}

static void refuses_weights_that_are_not_the_cards(void **state)
{
    (void)state;
    char folder[] = "/tmp/hilum-card-XXXXXX", path[FILE_PATH];
    assert_non_null(mkdtemp(folder));
    char *text = text_with(0, NULL);
    struct err err = {0};
    auto_(card) struct card *card = NULL;
    assert_int_equal(file_join(folder, "card.ucl", path, NULL), 0);
    assert_int_equal(file_write(path, text, strlen(text), NULL), 0);
    free(text);
    assert_int_equal(card_read(path, &card, &err), 0);
    struct engine *engine = NULL;
    assert_true(card_open(card, 1, 0, &engine, &err) < 0);
    assert_non_null(strstr(err.text, "model bone: "));
    assert_int_equal(file_join(folder, "model.onnx", path, NULL), 0);
    assert_int_equal(file_write(path, "another", 7, NULL), 0);
    assert_int_equal(card_open(card, 1, 0, &engine, &err), ERR_CONFIG);
    assert_non_null(strstr(err.text, "is not the file that the card means"));
    assert_null(engine);
    assert_int_equal(file_remove_tree(folder, NULL), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(says_all_that_stands_in_it),
        cmocka_unit_test(names_file_line_key_and_what_was_expected),
        cmocka_unit_test(reads_the_cards_of_the_tree),
        cmocka_unit_test(refuses_weights_that_are_not_the_cards),
    };
    return cmocka_run_group_tests_name("card", tests, NULL, NULL);
}
