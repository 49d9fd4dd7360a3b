#include "tests/unit/test.h"

#include "base/err.h"
#include "base/file.h"
#include "pipeline/segment/models.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static const char CARD[] =
    "card = { name = \"%s\"; version = \"2.0\"; intended_use = \"tests\"; %s"
    " sha256 = \"e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855\"; };\n"
    "series = { body_parts = [\"CHEST\"]; slices_min = 10; extent_min_mm = 50.0;"
    " slice_max_mm = 5.0; description = \"*lung*\"; };\n"
    "input = { modality = \"CT\"; patch = 16; orientation = \"axial\"; };\n"
    "labels = ( { channel = 1; name = \"LV cavity\"; type_code = \"1\"; type_meaning = "
    "\"x\";"
    " category_code = \"2\"; category_meaning = \"y\"; } );\n";

static char root[] = "/tmp/hilum-models-XXXXXX";

static void add(const char *folder, const char *name, const char *more)
{
    char path[FILE_PATH], text[2000];
    snprintf(path, sizeof(path), "%s/%s", root, folder);
    assert_int_equal(file_make_folder(path, NULL), 0);
    snprintf(path, sizeof(path), "%s/%s/card.ucl", root, folder);
    snprintf(text, sizeof(text), CARD, name, more);
    assert_int_equal(file_write(path, text, strlen(text), NULL), 0);
}

static int make_folders(void **state)
{
    (void)state;
    assert_non_null(mkdtemp(root));
    add("a/good", "good", "");
    add("a/other", "another", "");
    add("a/broken", "broken", "precison = \"f32\";");
    add("a/owned", "owned", "analysis = \"cardiac_cine\";");
    add("a/judge", "judge", "task = \"classification\";");
    add("a/ct_perfusion", "ct_perfusion", "");
    add("b/good", "good", "title = \"the second\";");
    add("b/last", "last", "");
    return 0;
}

static int remove_folders(void **state)
{
    (void)state;
    return file_remove_tree(root, NULL);
}

static struct models *read_models(void)
{
    char a[100], b[100];
    snprintf(a, sizeof(a), "%s/a", root);
    snprintf(b, sizeof(b), "%s/b", root);
    const char *const folders[] = {a, "/nowhere/at/all", b};
    struct models *models = NULL;
    assert_int_equal(models_create(folders, 3, &models, NULL), 0);
    return models;
}

static void makes_an_analysis_of_each_card_that_can_be_one(void **state)
{
    (void)state;
    auto_(models) struct models *models = read_models();
    assert_int_equal(models_count(models), 2);
    assert_string_equal(models_at(models, 0)->name, "good");
    assert_string_equal(models_at(models, 0)->title, "good"); // the first folder's
    assert_string_equal(models_at(models, 0)->version, "2.0");
    assert_string_equal(models_at(models, 1)->name, "last");
}

static void tells_what_stands_against_the_others(void **state)
{
    (void)state;
    static const char *const expect[] = {
        "broken/card.ucl:1: card.precison: unknown key (did you mean precision?)",
        "ct_perfusion/card.ucl: card.name: an analysis is called ct_perfusion",
        "judge/card.ucl: card.task: only segmentation",
        "other/card.ucl: card.name: expected other, as its folder",
    };
    auto_(models) struct models *models = read_models();
    assert_int_equal(models_problems(models), ARRAY_LEN(expect));
    for (size_t i = 0; i < ARRAY_LEN(expect); i++) {
        if (!strstr(models_problem(models, i), expect[i]))
            fail_msg("\"%s\"\nexpected \"%s\"", models_problem(models, i), expect[i]);
    }
}

static struct series_facts chest(void)
{
    return (struct series_facts){.modality = "CT",
                                 .body_part = "CHEST",
                                 .description = "Lung 1 mm",
                                 .image_type = "ORIGINAL\\PRIMARY\\AXIAL",
                                 .frames = 100,
                                 .positions = 100,
                                 .thickness_mm = 1.0,
                                 .last_mm = 99.0,
                                 .orientation = {1, 0, 0, 0, 1, 0}};
}

static void wants_the_thinnest_series_that_the_card_vouches_for(void **state)
{
    (void)state;
    auto_(models) struct models *models = read_models();
    struct series_facts s[3] = {chest(), chest(), chest()};
    const struct study_facts study = {.series = s, .series_count = 3};
    struct pipeline_want want;
    s[0].positions = s[0].frames = 34; // 3 mm
    s[2].frames = 200;                 // twice at each place
    assert_true(pipeline_wants(models_at(models, 0), &study, &want));
    assert_int_equal(want.series_count, 1);
    assert_int_equal(want.series[0], 1);
    assert_string_equal(want.reason, "CT, 100 slices of 1 mm");
}

static void says_why_a_series_is_not_wanted(void **state)
{
    (void)state;
    auto_(models) struct models *models = read_models();
    struct series_facts cases[] = {chest(), chest(), chest(), chest(), chest(),
                                   chest(), chest(), chest(), chest()};
    static const char *const expect[] = {
        "no series of its modality (CT)",
        "another part of the body (CT)",
        "no series of its description (CT)",
        "its images have no place in the patient, or are a localiser (CT)",
        "slices of another orientation (CT)",
        "taken several times at a place (CT)",
        "fewer slices than the model wants (CT)",
        "a shorter stretch than the model wants (CT)",
        "slices farther apart than the model wants (CT)",
    };
    strcpy(cases[0].modality, "MR");
    strcpy(cases[1].body_part, "HEAD");
    strcpy(cases[2].description, "Mediastinum");
    strcpy(cases[3].image_type, "ORIGINAL\\PRIMARY\\LOCALIZER");
    cases[4].orientation[4] = 0;
    cases[4].orientation[5] = -1;
    cases[5].frames = 300;
    cases[6].positions = cases[6].frames = 9;
    cases[7].last_mm = 40;
    cases[8].last_mm = 990;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        const struct study_facts study = {.series = &cases[i], .series_count = 1};
        struct pipeline_want want;
        assert_false(pipeline_wants(models_at(models, 0), &study, &want));
        assert_int_equal(want.series_count, 0);
        assert_string_equal(want.reason, expect[i]);
    }
    const struct study_facts none = {.series_count = 0};
    struct pipeline_want want;
    assert_false(pipeline_wants(models_at(models, 0), &none, &want));
    assert_string_equal(want.reason, "no series (CT)");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(makes_an_analysis_of_each_card_that_can_be_one),
        cmocka_unit_test(tells_what_stands_against_the_others),
        cmocka_unit_test(wants_the_thinnest_series_that_the_card_vouches_for),
        cmocka_unit_test(says_why_a_series_is_not_wanted),
    };
    return cmocka_run_group_tests_name("models", tests, make_folders, remove_folders);
}
