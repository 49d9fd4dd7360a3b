#include "tests/unit/test.h"

#include "base/err.h"
#include "scp/scan.h"
#include "tests/unit/part10.h"

#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#include <zlib.h>

static struct instance_facts facts;
static struct err why;

/* Scan what was built, from a copy without room, so that ASan sees a byte too far. */
static int scan_with(struct part10 *p, const struct scan_limits *limits)
{
    why = (struct err){0};
    uint8_t *exact = malloc(p->size);
    assert_non_null(exact);
    memcpy(exact, p->data, p->size);
    const int r = scan_memory(exact, p->size, limits, &facts, &why);
    free(exact);
    return r;
}

static int scan(struct part10 *p)
{
    return scan_with(p, &SCAN_LIMITS);
}

static void assert_refused(struct part10 *p, int code, const char *text)
{
    const int r = scan(p);
    if (r != code || !strstr(why.text, text))
        fail_msg("%s: \"%s\", expected \"%s\"", err_name(r), why.text, text);
}

static void reads_every_encoding(void **state)
{
    (void)state;
    static const char *const syntaxes[] = {EXPLICIT_LE, IMPLICIT_LE, EXPLICIT_BE};
    for (size_t i = 0; i < ARRAY_LEN(syntaxes); i++) {
        struct part10 p;
        p10_begin(&p, syntaxes[i]);
        p10_identity(&p);
        p10_image(&p);
        assert_int_equal(scan(&p), 0);
        assert_string_equal(facts.sop_uid, "1.2.3.4");
        assert_string_equal(facts.transfer_syntax, syntaxes[i]);
        assert_int_equal(facts.pixels.rows, 2);
        assert_int_equal(facts.pixels.columns, 3);
        assert_int_equal(facts.pixels.bits_stored, 12);
        assert_true(facts.pixels.is_signed);
        assert_int_equal(facts.pixels.length, 12);
        assert_int_equal(p.data[facts.pixels.offset], 1);
        p10_finish(&p);
    }
}

static void deflate_rest(struct part10 *p, size_t from)
{
    z_stream z = {0};
    assert_int_equal(deflateInit2(&z, 9, Z_DEFLATED, -MAX_WBITS, 9, 0), Z_OK);
    const size_t room = deflateBound(&z, p->size - from);
    uint8_t *out = malloc(room);
    z.next_in = p->data + from;
    z.avail_in = (uInt)(p->size - from);
    z.next_out = out;
    z.avail_out = (uInt)room;
    assert_int_equal(deflate(&z, Z_FINISH), Z_STREAM_END);
    p->size = from;
    p10_bytes(p, out, z.total_out);
    deflateEnd(&z);
    free(out);
}

static void inflates_within_its_limit(void **state)
{
    (void)state;
    struct part10 p;
    p10_begin(&p, DEFLATED);
    const size_t from = p.size;
    p10_identity(&p);
    p10_image(&p);
    const size_t inflated = p.size - from;
    deflate_rest(&p, from);

    struct scan_limits limits = SCAN_LIMITS;
    limits.inflated_bytes_max = (int64_t)inflated;
    assert_int_equal(scan_with(&p, &limits), 0);
    assert_int_equal(facts.pixels.rows, 2);
    assert_int_equal(facts.pixels.offset, FACTS_NONE);
    limits.inflated_bytes_max--;
    assert_int_equal(scan_with(&p, &limits), ERR_LIMIT);

    for (size_t cut = from; cut < p.size; cut++) {
        struct part10 part = p;
        part.size = cut;
        assert_refused(&part, ERR_FORMAT, "deflated data set is broken");
    }
    p10_finish(&p);
}

static void stops_inflating_a_bomb(void **state)
{
    (void)state;
    struct part10 p;
    p10_begin(&p, DEFLATED);
    const size_t from = p.size, zeros = 32 << 20;
    uint8_t *nothing = calloc(1, zeros);
    p10_identity(&p);
    p10_value(&p, 0x7fe00010, "OB+", nothing, zeros);
    free(nothing);
    deflate_rest(&p, from);
    assert_true(p.size < 100000);

    struct scan_limits limits = SCAN_LIMITS;
    limits.inflated_bytes_max = 1 << 20;
    assert_int_equal(scan_with(&p, &limits), ERR_LIMIT);
    p10_finish(&p);
}

/* Sequences within items within sequences. lengths: UNDEFINED or counted from inside. */
static void nest(struct part10 *p, uint32_t tag, int depth, bool is_defined)
{
    const uint32_t head = p->is_implicit ? 8 : 12;
    for (int i = 0; i < depth; i++) {
        const uint32_t inside = (uint32_t)(depth - i - 1) * (head + 8);
        p10_head(p, tag, "SQ+", is_defined ? inside + 8 : UNDEFINED);
        p10_head(p, 0xfffee000, NULL, is_defined ? inside : UNDEFINED);
    }
    for (int i = 0; i < depth && !is_defined; i++) {
        p10_head(p, 0xfffee00d, NULL, 0);
        p10_head(p, 0xfffee0dd, NULL, 0);
    }
}

static void bounds_how_deep_sequences_nest(void **state)
{
    (void)state;
    static const struct {
        const char *syntax;
        uint32_t tag;
        bool is_defined;
    } cases[] = {
        {EXPLICIT_LE, 0x00400555, false}, {EXPLICIT_LE, 0x00400555, true},
        {EXPLICIT_BE, 0x00400555, true},  {IMPLICIT_LE, 0x00400555, false},
        {IMPLICIT_LE, 0x00400555, true}, // a parser with a dictionary knows that it is one
        {IMPLICIT_LE, 0x00410555, true}, // and private ones
    };
    for (size_t i = 0; i < ARRAY_LEN(cases) * 3; i++) {
        const int depth = (const int[]){16, 17, 20000}[i % 3];
        struct part10 p;
        p10_begin(&p, cases[i / 3].syntax);
        p10_identity(&p);
        nest(&p, cases[i / 3].tag, depth, cases[i / 3].is_defined);
        if (depth <= SCAN_LIMITS.depth_max)
            assert_int_equal(scan(&p), 0);
        else
            assert_refused(&p, ERR_LIMIT, "nested deeper than 16");
        p10_finish(&p);
    }
}

static void takes_private_bytes_that_only_begin_like_a_sequence(void **state)
{
    (void)state;
    static const uint8_t bytes[] = {0xfe, 0xff, 0x00, 0xe0, 9, 9, 9, 9, 1, 2, 3, 4};
    struct part10 p;
    p10_begin(&p, IMPLICIT_LE);
    p10_value(&p, 0x00091001, "UN+", bytes, sizeof(bytes));
    p10_identity(&p);
    assert_int_equal(scan(&p), 0);
    p10_finish(&p);

    p10_begin(&p, IMPLICIT_LE);
    p10_value(&p, 0x00082112, "SQ+", bytes,
              sizeof(bytes)); // a standard one must be sound
    p10_identity(&p);
    assert_refused(&p, ERR_FORMAT, "longer than what holds it");
    p10_finish(&p);
}

static void steps_over_unknown_values_of_undefined_length(void **state)
{
    (void)state;
    struct part10 p;
    p10_begin(&p, EXPLICIT_LE);
    p10_head(&p, 0x00091001, "UN+", UNDEFINED); // inside it is implicit: CP-246
    p10_head(&p, 0xfffee000, NULL, UNDEFINED);
    p.is_implicit = true;
    p10_text(&p, 0x00100010, "PN", "INNER");
    p10_head(&p, 0xfffee00d, NULL, 0);
    p10_head(&p, 0xfffee0dd, NULL, 0);
    p.is_implicit = false;
    p10_text(&p, 0x00100010, "PN", "OUTER");
    p10_identity(&p);
    assert_int_equal(scan(&p), 0);
    assert_string_equal(facts.patient.name, "OUTER");
    p10_finish(&p);
}

static void steps_over_fragments(void **state)
{
    (void)state;
    struct part10 p;
    p10_begin(&p, JPEG);
    p10_identity(&p);
    p10_us(&p, 0x00280010, 2);
    p10_us(&p, 0x00280011, 3);
    p10_head(&p, 0x7fe00010, "OB+", UNDEFINED);
    p10_head(&p, 0xfffee000, NULL, 0);
    p10_head(&p, 0xfffee000, NULL, 4);
    p10_bytes(&p, "\xff\xd8\xff\xd9", 4);
    const size_t before_end = p.size;
    p10_head(&p, 0xfffee0dd, NULL, 0);
    p10_text(&p, 0xfffcfffc, "OB+", "after");
    assert_int_equal(scan(&p), 0);
    assert_int_equal(facts.pixels.rows, 2);
    assert_int_equal(facts.pixels.offset, FACTS_NONE);

    p.size = before_end;
    assert_refused(&p, ERR_FORMAT, "the data end in the head");
    p10_head(&p, 0xfffee000, NULL, 4000);
    assert_refused(&p, ERR_FORMAT, "fragments are broken");
    p10_finish(&p);
}

static void does_not_take_compressed_bytes_for_pixels(void **state)
{
    (void)state;
    struct part10 p;
    p10_begin(&p, JPEG);
    p10_identity(&p);
    p10_image(&p); // of defined length, though the transfer syntax is JPEG
    assert_int_equal(scan(&p), 0);
    assert_int_equal(facts.pixels.offset, FACTS_NONE);
    p10_finish(&p);
}

struct broken {
    const char *name, *text;
    uint32_t tag, length;
    const char *vr;
};

static void refuses_lengths_beyond_the_end(void **state)
{
    (void)state;
    static const struct broken cases[] = {
        {"4 GB", "past the end", 0x00091001, 0xfffffff0u, "OB+"},
        {"one too many", "past the end", 0x00091001, 1, "OB+"},
        {"text of 64 KB", "past the end", 0x00091001, 0xfffe, "LO"},
        {"sequence of 4 GB", "longer than what holds it", 0x00091001, 0xfffffffeu, "SQ+"},
        {"pixels of 4 GB", "past the end", 0x7fe00010, 0xfffffff0u, "OW+"},
        {"endless", "file ends inside", 0x00091001, UNDEFINED, "SQ+"},
        {"endless bytes", "file ends inside", 0x00091001, UNDEFINED, "OB+"},
        {"endless pixels", "the data end", 0x7fe00010, UNDEFINED, "OB+"},
        {"a delimiter alone", "without what it ends", 0xfffee00d, 0, NULL},
        {"an item alone", "without what it ends", 0xfffee000, 0, NULL},
        {"lower case", "not two capital letters", 0x00091001, 0, "ob"},
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct part10 p;
        p10_begin(&p, EXPLICIT_LE);
        p10_identity(&p);
        p10_head(&p, cases[i].tag, cases[i].vr, cases[i].length);
        assert_refused(&p, ERR_FORMAT, cases[i].text);
        p10_finish(&p);
    }
}

static void holds_an_element_within_its_item(void **state)
{
    (void)state;
    for (uint32_t length = 0; length < 30; length++) {
        struct part10 p;
        p10_begin(&p, EXPLICIT_LE);
        p10_head(&p, 0x00081140, "SQ+", 8 + 12);
        p10_head(&p, 0xfffee000, NULL, 12);
        p10_head(&p, 0x00081150, "UI", length);
        p10_bytes(&p, "1.2", 4);
        p10_identity(&p);
        if (length == 4)
            assert_int_equal(scan(&p), 0);
        else
            assert_int_equal(scan(&p), ERR_FORMAT);
        p10_finish(&p);
    }
}

static void survives_every_cut_and_every_flipped_byte(void **state)
{
    (void)state;
    static const char *const syntaxes[] = {EXPLICIT_LE, IMPLICIT_LE, EXPLICIT_BE};
    for (size_t i = 0; i < ARRAY_LEN(syntaxes); i++) {
        struct part10 p;
        p10_begin(&p, syntaxes[i]);
        nest(&p, 0x00081140, 2, true);
        nest(&p, 0x00082112, 2, false);
        p10_identity(&p);
        p10_image(&p);
        const size_t whole = p.size;
        for (p.size = 1; p.size < whole; p.size++)
            assert_true(scan(&p) < 0 || facts.pixels.rows == 0);
        for (size_t at = 128; at < whole; at++) {
            const uint8_t was = p.data[at];
            for (int bit = 0; bit < 8; bit++) {
                p.data[at] = (uint8_t)(was ^ 1 << bit);
                assert_true(scan(&p) <= 0);
            }
            p.data[at] = was;
        }
        p10_finish(&p);
    }
}

static void refuses_what_has_no_usable_meta_header(void **state)
{
    (void)state;
    struct part10 p;
    p10_begin(&p, NULL);
    p10_identity(&p);
    assert_refused(&p, ERR_FORMAT, "transfer syntax is missing");
    p.data[128] = 'd';
    assert_refused(&p, ERR_FORMAT, "not a DICOM file");
    p.size = 131;
    assert_refused(&p, ERR_FORMAT, "not a DICOM file");
    p10_finish(&p);

    p10_begin(&p, NULL);
    p10_head(&p, 0x00020001, "OB+", UNDEFINED);
    assert_refused(&p, ERR_FORMAT, "undefined length in the meta group");
    p10_finish(&p);
}

static void keeps_the_transfer_syntax_of_the_meta_header(void **state)
{
    (void)state;
    struct part10 p;
    p10_begin(&p, EXPLICIT_LE);
    p10_identity(&p);
    p10_text(&p, 0x00020010, "UI", JPEG); // where it has no business
    assert_int_equal(scan(&p), 0);
    assert_string_equal(facts.transfer_syntax, EXPLICIT_LE);
    p10_finish(&p);
}

static void bounds_elements_and_bytes(void **state)
{
    (void)state;
    struct part10 p;
    p10_begin(&p, EXPLICIT_LE);
    p10_identity(&p);
    struct scan_limits limits = SCAN_LIMITS;
    limits.elements_max = 5; // four and the meta header's
    assert_int_equal(scan_with(&p, &limits), 0);
    limits.elements_max = 4;
    assert_int_equal(scan_with(&p, &limits), ERR_LIMIT);
    limits = SCAN_LIMITS;
    limits.bytes_max = (int64_t)p.size - 1;
    assert_int_equal(scan_with(&p, &limits), ERR_LIMIT);
    p10_finish(&p);
}

static void leaves_its_output_alone_on_failure(void **state)
{
    (void)state;
    struct part10 p;
    p10_begin(&p, EXPLICIT_LE);
    p10_text(&p, 0x00080018, "UI", "1.2.3.4");
    memset(&facts, 0x55, sizeof(facts));
    const struct instance_facts before = facts;
    assert_refused(&p, ERR_FORMAT, "(0008,0016) is missing");
    assert_memory_equal(&before, &facts, sizeof(facts));
    p10_finish(&p);
}

static void tells_uids_from_other_text(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        bool is_uid;
    } cases[] = {
        {"1", true},
        {"1.2.840.10008.5.1.4.1.1.2", true},
        {"1.02.3", true}, // real scanners send it
        {"1234567890123456789012345678901234567890123456789012345678901234", true},
        {"12345678901234567890123456789012345678901234567890123456789012345", false},
        {"", false},
        {".1", false},
        {"1.", false},
        {"1..2", false},
        {"../../../tmp/evil", false},
        {"1.2.3; rm", false},
        {"1.2 .3", false},
        {"1.2.a", false},
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++)
        assert_int_equal(scan_is_uid(cases[i].text), cases[i].is_uid);
}

static void says_why_a_path_cannot_be_scanned(void **state)
{
    (void)state;
    char folder[] = "/tmp/hilum-scan-XXXXXX", path[64];
    assert_non_null(mkdtemp(folder));
    assert_int_equal(scan_file(folder, &SCAN_LIMITS, &facts, &why), ERR_IO);
    snprintf(path, sizeof(path), "%s/f", folder);
    assert_int_equal(scan_file(path, &SCAN_LIMITS, &facts, &why), ERR_IO);
    assert_int_equal(mkfifo(path, 0600), 0); // would block who opens it plainly
    assert_int_equal(scan_file(path, &SCAN_LIMITS, &facts, &why), ERR_IO);
    unlink(path);
    fclose(fopen(path, "w"));
    assert_int_equal(scan_file(path, &SCAN_LIMITS, &facts, &why), ERR_FORMAT);

    struct part10 p;
    p10_begin(&p, EXPLICIT_LE);
    p10_identity(&p);
    FILE *file = fopen(path, "w");
    assert_int_equal(fwrite(p.data, 1, p.size, file), p.size);
    fclose(file);
    assert_int_equal(scan_file(path, &SCAN_LIMITS, &facts, &why), 0);
    p10_finish(&p);
    unlink(path);
    rmdir(folder);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(reads_every_encoding),
        cmocka_unit_test(inflates_within_its_limit),
        cmocka_unit_test(stops_inflating_a_bomb),
        cmocka_unit_test(bounds_how_deep_sequences_nest),
        cmocka_unit_test(takes_private_bytes_that_only_begin_like_a_sequence),
        cmocka_unit_test(steps_over_unknown_values_of_undefined_length),
        cmocka_unit_test(steps_over_fragments),
        cmocka_unit_test(does_not_take_compressed_bytes_for_pixels),
        cmocka_unit_test(refuses_lengths_beyond_the_end),
        cmocka_unit_test(holds_an_element_within_its_item),
        cmocka_unit_test(survives_every_cut_and_every_flipped_byte),
        cmocka_unit_test(refuses_what_has_no_usable_meta_header),
        cmocka_unit_test(keeps_the_transfer_syntax_of_the_meta_header),
        cmocka_unit_test(bounds_elements_and_bytes),
        cmocka_unit_test(leaves_its_output_alone_on_failure),
        cmocka_unit_test(tells_uids_from_other_text),
        cmocka_unit_test(says_why_a_path_cannot_be_scanned),
    };
    return cmocka_run_group_tests_name("scan", tests, NULL, NULL);
}
