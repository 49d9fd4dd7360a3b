/* A whole Part 10 file. What passes names an object, and its pixels lie in the file. */
#include "base/err.h"
#include "scp/scan.h"
#include "tests/fuzz/fuzz.h"

static void check(const struct instance_facts *f, size_t size)
{
    PROMISE(scan_is_uid(f->sop_uid) && scan_is_uid(f->sop_class));
    PROMISE(scan_is_uid(f->study_uid) && scan_is_uid(f->series_uid));
    PROMISE(scan_is_uid(f->transfer_syntax));
    PROMISE(!f->frame_of_reference_uid[0] || scan_is_uid(f->frame_of_reference_uid));
    PROMISE(fuzz_is_clean_utf8(f->patient.name) && fuzz_is_clean_utf8(f->patient.id));
    PROMISE(fuzz_is_clean_utf8(f->study_description) && fuzz_is_clean_utf8(f->modality));
    PROMISE(fuzz_is_clean_utf8(f->image_type));
    PROMISE(f->pixels.rows >= 0 && f->pixels.columns >= 0);
    if (f->pixels.offset != FACTS_NONE) {
        PROMISE(f->pixels.offset >= 0 && f->pixels.length >= 0);
        PROMISE((uint64_t)f->pixels.offset + (uint64_t)f->pixels.length <= size);
    }
    if (f->plane.is_valid) {
        PROMISE(f->plane.spacing_mm[0] > 0.0 && f->plane.spacing_mm[1] > 0.0);
        PROMISE(f->plane.position_mm[0] == f->plane.position_mm[0]);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static struct instance_facts facts;
    struct scan_limits limits = SCAN_LIMITS;
    struct err err = {0};
    limits.inflated_bytes_max = 1 << 20;
    const int r = scan_memory(data, size, &limits, &facts, &err);
    PROMISE(r == 0 || r == ERR_FORMAT || r == ERR_LIMIT);
    if (r == 0)
        check(&facts, size);
    else
        PROMISE(err.code == r && err.text[0]);
    return 0;
}
