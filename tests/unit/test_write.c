#include "tests/unit/test.h"

#include "base/err.h"
#include "base/file.h"
#include "scp/dcm.h"
#include "scp/dcm_write.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* A Part 10 file of implicit little endian with a study and little else. */
static void write_source(const char *path)
{
    static const char UID[] = "1.2.840.10008.1.2"; // 17 characters and a NUL
    char bytes[300] = {0};
    memcpy(bytes + 128, "DICM\2\0\20\0UI\22\0", 12);
    memcpy(bytes + 140, UID, 18);
    memcpy(bytes + 158, "\20\0\20\0\10\0\0\0Doe^Jane", 16);
    memcpy(bytes + 174,
           "\40\0\15\0\10\0\0\0"
           "1.2.3.4\0",
           16);
    assert_int_equal(file_write(path, bytes, 190, NULL), 0);
}

struct fixture {
    char folder[64], source[96], out[96];
    struct result *result;
    struct series_frame frames[2];
    char series_uids[1][FACTS_UID];
    struct series series;
    struct dcm_write_context context;
};

static int set_up(void **state)
{
    struct fixture *f = calloc(1, sizeof(*f));
    assert_non_null(f);
    strcpy(f->folder, "/tmp/hilum-write-XXXXXX");
    assert_non_null(mkdtemp(f->folder));
    snprintf(f->source, sizeof(f->source), "%s/source", f->folder);
    snprintf(f->out, sizeof(f->out), "%s/out", f->folder);
    write_source(f->source);

    assert_int_equal(result_create("a", "1", "A", &f->result, NULL), 0);
    assert_int_equal(grid_create(5, 3, 2, &f->result->grid, NULL), 0);
    f->result->grid->orientation[0] = f->result->grid->orientation[4] = 1;
    f->result->grid->spacing_mm[0] = f->result->grid->spacing_mm[1] = 1;
    f->result->grid->thickness_mm = 2;
    f->result->grid->position_mm[1][2] = 2;
    assert_non_null(segment_list_add(&f->result->segments));
    f->result->segments.items[0] = (struct result_segment){
        .name = "core",
        .label = "core",
        .category = {"49755003", "SCT", "Morphologically Abnormal Structure"},
        .type = {"6574001", "SCT", "Necrosis"},
        .mask = calloc(30, 1),
    };
    assert_non_null(f->result->segments.items[0].mask);

    strcpy(f->series_uids[0], "1.2.3.5");
    for (int i = 0; i < 2; i++) {
        snprintf(f->frames[i].sop_uid, FACTS_UID, "1.2.3.6.%d", i);
        strcpy(f->frames[i].sop_class, "1.2.840.10008.5.1.4.1.1.2");
        f->frames[i].plane.position_mm[2] = 2 * i;
    }
    f->series = (struct series){.series_uids = f->series_uids,
                                .series_count = 1,
                                .nx = 5,
                                .ny = 3,
                                .frames = f->frames,
                                .frame_count = 2};
    f->context = (struct dcm_write_context){.result = f->result,
                                            .series = &f->series,
                                            .source_path = f->source,
                                            .uid_seed = "seed",
                                            .software_version = "0.1.0",
                                            .device_serial = "1",
                                            .series_number = 9001};
    *state = f;
    return 0;
}

static int tear_down(void **state)
{
    struct fixture *f = *state;
    result_destroy(f->result);
    assert_int_equal(file_remove_tree(f->folder, NULL), 0);
    free(f);
    return 0;
}

static void writes_a_segmentation_only_when_a_voxel_is_in_it(void **state)
{
    struct fixture *f = *state;
    struct err err = {0};
    auto_(dcm_writer) struct dcm_writer *writer = NULL;
    assert_int_equal(dcm_writer_create(&f->context, &writer, &err), 0);
    assert_int_equal(dcm_write_seg(writer, f->out, &err), ERR_NOTFOUND);
    assert_int_not_equal(access(f->out, F_OK), 0);

    f->result->segments.items[0].mask[7] = 1;
    f->result->segments.items[0].voxels = 1;
    assert_int_equal(dcm_write_seg(writer, f->out, &err), 0);
    assert_int_equal(access(f->out, F_OK), 0);

    unlink(f->out);
    result_refuse(f->result, "no bolus");
    assert_int_equal(dcm_write_seg(writer, f->out, &err), ERR_NOTFOUND);
    assert_int_equal(dcm_write_sr(writer, false, f->out, &err), 0);
}

static void leaves_nothing_behind_when_the_folder_is_gone(void **state)
{
    struct fixture *f = *state;
    struct err err = {0};
    auto_(dcm_writer) struct dcm_writer *writer = NULL;
    char path[128];
    assert_int_equal(dcm_writer_create(&f->context, &writer, &err), 0);
    snprintf(path, sizeof(path), "%s/gone/sr.dcm", f->folder);
    assert_int_equal(dcm_write_sr(writer, false, path, &err), ERR_IO);
    assert_int_not_equal(access(path, F_OK), 0);
}

static void names_the_attribute_that_the_source_or_the_installation_lacks(void **state)
{
    struct fixture *f = *state;
    struct err err = {0};
    struct dcm_writer *writer = NULL;
    assert_int_equal(file_write(f->source, "junk", 4, NULL), 0);
    assert_int_equal(dcm_writer_create(&f->context, &writer, &err), ERR_FORMAT);
    assert_non_null(strstr(err.text, "source"));

    f->context.device_serial = "";
    assert_int_equal(dcm_writer_create(&f->context, &writer, &err), ERR_FORMAT);
    assert_non_null(strstr(err.text, "DeviceSerialNumber"));
    assert_null(writer);
}

static void says_a_number_too_long_for_its_field_as_exactly_as_it_can(void **state)
{
    struct fixture *f = *state;
    struct err err = {0};
    auto_(dcm_writer) struct dcm_writer *writer = NULL;
    f->result->segments.items[0].mask[0] = 1;
    f->result->segments.items[0].voxels = 1;
    f->result->grid->position_mm[0][0] = -123.4567890123456789;
    assert_int_equal(dcm_writer_create(&f->context, &writer, &err), 0);
    assert_int_equal(dcm_write_seg(writer, f->out, &err), 0);
    char *bytes = NULL;
    size_t size = 0;
    assert_int_equal(file_read(f->out, 1 << 20, &bytes, &size, &err), 0);
    assert_non_null(memmem(bytes, size, "-123.45678901235\\", 17));
    free(bytes);
}

static void draws_the_same_uid_for_the_same_object_only(void **state)
{
    (void)state;
    char a[FACTS_UID], b[FACTS_UID];
    dcm_write_uid("seed", "seg", a);
    dcm_write_uid("seed", "seg", b);
    assert_string_equal(a, b);
    dcm_write_uid("seed", "sr", b);
    assert_string_not_equal(a, b);
    dcm_write_uid("other", "seg", b);
    assert_string_not_equal(a, b);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(writes_a_segmentation_only_when_a_voxel_is_in_it,
                                        set_up, tear_down),
        cmocka_unit_test_setup_teardown(leaves_nothing_behind_when_the_folder_is_gone,
                                        set_up, tear_down),
        cmocka_unit_test_setup_teardown(
            names_the_attribute_that_the_source_or_the_installation_lacks, set_up,
            tear_down),
        cmocka_unit_test_setup_teardown(
            says_a_number_too_long_for_its_field_as_exactly_as_it_can, set_up, tear_down),
        cmocka_unit_test(draws_the_same_uid_for_the_same_object_only),
    };
    dcm_init();
    const int failed = cmocka_run_group_tests_name("write", tests, NULL, NULL);
    dcm_finish();
    return failed;
}
