#include "scp/scan.h"

#include "base/err.h"
#include "scp/scan_facts.h"
#include "scp/scan_groups.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <zlib.h>

enum { DEPTH_ROOM = 64, PREAMBLE = 132 };

const struct scan_limits SCAN_LIMITS = {
    .depth_max = 16,
    .elements_max = 2000000,
    .bytes_max = (int64_t)5 << 30, // pixel data reach 4 GiB
    .inflated_bytes_max = (int64_t)1 << 30,
    .frames_max = 65536,
};

static const uint32_t UNDEFINED = 0xffffffffu;
static const uint32_t ITEM = 0xfffee000u, ITEM_END = 0xfffee00du,
                      SEQUENCE_END = 0xfffee0ddu;
static const uint32_t PIXEL_DATA = 0x7fe00010u, FRAME_ANATOMY = 0x00209071u,
                      MODALITY_LUT = 0x00283000u;

enum kind { DATASET, SEQUENCE, ITEM_OF };

struct level {
    enum kind kind;
    uint32_t tag;     // of a sequence
    size_t end;       // where it ends; SIZE_MAX: by its delimiter
    size_t bound;     // where it ends at the latest, by what holds it
    bool is_implicit; // encoding inside
};

/* A private value of implicit VR that begins as a sequence does: taken for one, and stepped
 * over as bytes where it turns out to be none. */
struct guess {
    int depth; // of its sequence; 0: none is open
    size_t end;
};

struct scan {
    const uint8_t *data;
    size_t size, at;
    bool is_big, is_past_meta;
    int depth; // of the level that is open; 0 is the data set
    int depth_max;
    uint32_t elements, elements_max;
    struct level levels[DEPTH_ROOM];
    struct guess guess; // the outermost one
    struct scan_raw raw;
    struct scan_groups groups;
};

struct element {
    uint32_t tag, length;
    char vr[3];
    size_t at; // of its tag
};

static uint16_t get16(const struct scan *s, size_t at)
{
    const uint8_t *p = s->data + at;
    return s->is_big ? (uint16_t)(p[0] << 8 | p[1]) : (uint16_t)(p[1] << 8 | p[0]);
}

static uint32_t get32(const struct scan *s, size_t at)
{
    const uint32_t a = get16(s, at), b = get16(s, at + 2);
    return s->is_big ? a << 16 | b : b << 16 | a;
}

static int bad(const struct scan *s, uint32_t tag, struct err *err, const char *what)
{
    return err_set(err, ERR_FORMAT, "(%04x,%04x) at byte %zu: %s", tag >> 16,
                   tag & 0xffff, s->at, what);
}

/* ---- one element's head ---- */

static bool has_long_length(const char *vr)
{
    static const char LONG[] = "OB OD OF OL OV OW SQ SV UC UN UR UT UV ";
    for (const char *p = LONG; *p; p += 3) {
        if (p[0] == vr[0] && p[1] == vr[1])
            return true;
    }
    return false;
}

/* Bytes left in the level that is open. */
static size_t room(const struct scan *s)
{
    return s->levels[s->depth].bound - s->at;
}

static int read_explicit(struct scan *s, struct element *e, struct err *err)
{
    memcpy(e->vr, s->data + s->at + 4, 2);
    if (e->vr[0] < 'A' || e->vr[0] > 'Z' || e->vr[1] < 'A' || e->vr[1] > 'Z')
        return bad(s, e->tag, err, "its VR is not two capital letters");
    if (!has_long_length(e->vr)) {
        e->length = get16(s, s->at + 6);
        s->at += 8;
        return 0;
    }
    if (room(s) < 12)
        return bad(s, e->tag, err, "the data end in its head");
    e->length = get32(s, s->at + 8);
    s->at += 12;
    return 0;
}

static int read_head(struct scan *s, bool is_implicit, struct element *e, struct err *err)
{
    *e = (struct element){.at = s->at};
    if (room(s) < 8)
        return bad(s, 0, err, "the data end in the head of an element");
    if (++s->elements > s->elements_max)
        return err_set(err, ERR_LIMIT, "more than %u elements", s->elements_max);

    e->tag = (uint32_t)get16(s, s->at) << 16 | get16(s, s->at + 2);
    if (!is_implicit && e->tag >> 16 != 0xfffe)
        return read_explicit(s, e, err);
    e->length = get32(s, s->at + 4);
    s->at += 8;
    return 0;
}

/* ---- nesting ---- */

static int push(struct scan *s, enum kind kind, uint32_t tag, uint32_t length,
                bool is_implicit, struct err *err)
{
    const struct level *outer = &s->levels[s->depth];
    if (s->depth + 1 >= s->depth_max * 2 + 1)
        return err_set(err, ERR_LIMIT, "sequences nested deeper than %d at byte %zu",
                       s->depth_max, s->at);

    size_t end = SIZE_MAX;
    if (length != UNDEFINED) {
        if (length > room(s))
            return bad(s, ITEM, err, "a sequence or item is longer than what holds it");
        end = s->at + length;
    }
    const size_t bound = end == SIZE_MAX ? outer->bound : end;
    s->raw.has_lut |= s->depth == 0 && tag == MODALITY_LUT;
    s->levels[++s->depth] = (struct level){kind, tag, end, bound, is_implicit};
    return 0;
}

/* Leave the levels that end here. */
static void pop_ended(struct scan *s)
{
    while (s->depth > 0 && s->levels[s->depth].end == s->at)
        s->depth--;
    if (s->depth < s->guess.depth)
        s->guess.depth = 0;
}

static bool is_group(uint32_t tag)
{
    return tag == GROUPS_SHARED || tag == GROUPS_OF_FRAME;
}

static int in_sequence(struct scan *s, struct err *err)
{
    const struct level *level = &s->levels[s->depth];
    struct element e;
    int r = read_head(s, true, &e, err);
    if (r < 0)
        return r;
    if (e.tag == ITEM) {
        const uint32_t tag = level->tag;
        r = push(s, ITEM_OF, tag, e.length, level->is_implicit, err);
        return r == 0 && s->depth == 2 && is_group(tag) && scan_raw_is_enhanced(&s->raw)
                   ? scan_groups_begin(&s->groups, tag, err)
                   : r;
    }
    if (e.tag != SEQUENCE_END || level->end != SIZE_MAX)
        return bad(s, e.tag, err, "an item was expected in the sequence");
    s->depth--;
    return 0;
}

/* ---- values ---- */

static int walk_fragments(struct scan *s, struct err *err)
{
    for (;;) {
        struct element e;
        int r = read_head(s, true, &e, err);
        if (r < 0)
            return r;
        if (e.tag == SEQUENCE_END)
            return 0;
        if (e.tag != ITEM || e.length == UNDEFINED || e.length > room(s))
            return bad(s, PIXEL_DATA, err, "its fragments are broken");
        s->at += e.length;
    }
}

/* Within an item of a functional group's sequence, or of the region of its anatomy. */
static bool in_group(const struct scan *s)
{
    return s->groups.items && is_group(s->levels[1].tag)
           && (s->depth == 4 || (s->depth == 6 && s->levels[3].tag == FRAME_ANATOMY));
}

static int skip_value(struct scan *s, const struct element *e, struct err *err)
{
    if (e->length > room(s))
        return bad(s, e->tag, err, "its length goes past the end of what holds it");
    if (s->depth == 0 && (e->tag >> 16 != 2 || !s->is_past_meta))
        scan_raw_keep(&s->raw, e->tag, s->data + s->at, e->length, s->at);
    else if (in_group(s))
        scan_groups_keep(&s->groups, s->levels[s->depth].tag, e->tag,
                         (struct scan_value){s->data + s->at, e->length, s->is_big});
    s->at += e->length;
    return 0;
}

/* Implicit VR does not say what is a sequence, and a parser with a dictionary descends into
 * those that it knows. A value that begins with an item is therefore looked into. */
static bool looks_like_sequence(const struct scan *s, const struct element *e)
{
    return s->levels[s->depth].is_implicit && e->tag != PIXEL_DATA && e->length >= 8
           && e->length <= room(s) && get16(s, s->at) == ITEM >> 16
           && get16(s, s->at + 2) == (ITEM & 0xffff);
}

static int push_guess(struct scan *s, const struct element *e, struct err *err)
{
    const size_t end = s->at + e->length;
    const int r = push(s, SEQUENCE, e->tag, e->length, true, err);
    const bool is_private = e->tag >> 16 & 1;
    if (r == 0 && is_private && s->guess.depth == 0)
        s->guess = (struct guess){s->depth, end};
    return r;
}

/* After an error inside a guess: it was no sequence. False when there is none. */
static bool give_up_guess(struct scan *s)
{
    if (s->guess.depth == 0)
        return false;
    s->depth = s->guess.depth - 1;
    s->at = s->guess.end;
    s->guess.depth = 0;
    return true;
}

static int in_dataset(struct scan *s, struct err *err)
{
    const struct level *level = &s->levels[s->depth];
    struct element e;
    int r = read_head(s, level->is_implicit, &e, err);
    if (r < 0)
        return r;

    if (e.tag == ITEM_END && level->kind == ITEM_OF && level->end == SIZE_MAX) {
        s->depth--;
        return 0;
    }
    if (e.tag >> 16 == 0xfffe)
        return bad(s, e.tag, err, "a delimiter without what it ends");
    if (strcmp(e.vr, "SQ") == 0)
        return push(s, SEQUENCE, e.tag, e.length, level->is_implicit, err);
    if (e.length != UNDEFINED && looks_like_sequence(s, &e))
        return push_guess(s, &e, err);
    if (e.length != UNDEFINED)
        return skip_value(s, &e, err);
    if (e.tag == PIXEL_DATA) {
        if (s->depth == 0) {
            s->raw.is_encapsulated = true;
            s->raw.fragments = (int64_t)s->at;
        }
        return walk_fragments(s, err);
    }
    // Of undefined length is, else, only a sequence; in UN it is implicit (CP-246).
    return push(s, SEQUENCE, e.tag, e.length, true, err);
}

static int walk(struct scan *s, struct err *err)
{
    for (pop_ended(s); s->at < s->size; pop_ended(s)) {
        int r = s->levels[s->depth].kind == SEQUENCE ? in_sequence(s, err)
                                                     : in_dataset(s, err);
        if (r < 0 && (r != ERR_FORMAT || !give_up_guess(s)))
            return r;
    }
    if (s->depth > 0)
        return bad(s, 0, err, "the file ends inside a sequence");
    return 0;
}

/* ---- file meta information ---- */

static int read_meta(struct scan *s, struct err *err)
{
    if (s->size < PREAMBLE || memcmp(s->data + 128, "DICM", 4) != 0)
        return err_set(err, ERR_FORMAT, "not a DICOM file: no DICM at byte 128");
    s->at = PREAMBLE;
    while (s->size - s->at >= 8 && get16(s, s->at) == 2) {
        struct element e;
        int r = read_head(s, false, &e, err);
        if (r == 0)
            r = e.length == UNDEFINED
                    ? bad(s, e.tag, err, "undefined length in the meta group")
                    : skip_value(s, &e, err);
        if (r < 0)
            return r;
    }
    return scan_raw_transfer_syntax(&s->raw, err);
}

/* ---- deflated data sets ---- */

static int inflate_rest(const struct scan *s, int64_t max, uint8_t **ret,
                        size_t *ret_size, struct err *err)
{
    z_stream z = {.next_in = (uint8_t *)(uintptr_t)(s->data + s->at),
                  .avail_in = (uInt)(s->size - s->at)};
    if (s->size - s->at > UINT32_MAX / 2)
        return err_set(err, ERR_LIMIT, "a deflated data set of more than 2 GB");
    if (inflateInit2(&z, -MAX_WBITS) != Z_OK)
        return err_set(err, ERR_NOMEM, "inflating the data set");

    uint8_t *out = NULL;
    size_t size = 0, room = 0;
    int code = Z_OK;
    while (code == Z_OK && size <= (size_t)max) {
        if (size == room) {
            room = room ? room * 2 : 65536;
            uint8_t *more = realloc(out, room);
            if (!more)
                break;
            out = more;
        }
        z.next_out = out + size;
        z.avail_out = (uInt)(room - size);
        code = inflate(&z, Z_NO_FLUSH);
        size = z.total_out;
    }
    inflateEnd(&z);
    if (code == Z_STREAM_END && size <= (size_t)max) {
        *ret = out;
        *ret_size = size;
        return 0;
    }
    free(out);
    if (code != Z_OK && code != Z_STREAM_END)
        return err_set(err, ERR_FORMAT, "the deflated data set is broken");
    return size > (size_t)max
               ? err_set(err, ERR_LIMIT, "the data set inflates beyond its limit")
               : err_set(err, ERR_NOMEM, "inflating the data set");
}

/* Who asks, and for what. */
struct wish {
    const struct scan_limits *limits;
    struct instance_facts *facts; // NULL: only whether it is sound
    struct frame_facts **frames;  // NULL: not wanted
    size_t *frame_count;
};

static int walk_to_facts(struct scan *s, const struct wish *wish, struct err *err)
{
    struct instance_facts facts;
    int r = walk(s, err);
    if (!wish->facts)
        return r;
    if (r == 0)
        r = scan_raw_facts(&s->raw, &facts, err);
    if (r == 0 && scan_raw_is_enhanced(&s->raw))
        r = scan_groups_apply(&s->groups, scan_raw_duration_s(&s->raw), &facts,
                              wish->frames, wish->frame_count, err);
    else if (r == 0)
        scan_stack_of_one(&facts);
    if (r == 0)
        *wish->facts = facts;
    return r;
}

static int walk_inflated(struct scan *s, const struct wish *wish, struct err *err)
{
    uint8_t *data = NULL;
    size_t size = 0;
    int r = inflate_rest(s, wish->limits->inflated_bytes_max, &data, &size, err);
    if (r < 0)
        return r;
    s->data = data;
    s->size = s->levels[0].bound = size;
    s->at = 0;
    s->raw.is_encapsulated = true; // its pixels have no offset in the file
    r = walk_to_facts(s, wish, err);
    free(data);
    return r;
}

/* ---- whole ---- */

static int scan_wish(const void *data, size_t size, const struct wish *wish,
                     struct err *err)
{
    const struct scan_limits *limits = wish->limits;
    assert(limits->depth_max * 2 + 1 <= DEPTH_ROOM);
    if ((int64_t)size > limits->bytes_max)
        return err_set(err, ERR_LIMIT, "larger than %lld bytes",
                       (long long)limits->bytes_max);

    struct scan s = {.data = data,
                     .size = size,
                     .depth_max = limits->depth_max,
                     .elements_max = limits->elements_max,
                     .groups = {.frames_max = limits->frames_max}};
    s.levels[0] = (struct level){DATASET, 0, SIZE_MAX, size, false};
    int r = read_meta(&s, err);
    s.is_past_meta = true;
    if (r < 0)
        return r;

    const enum scan_syntax syntax = s.raw.syntax;
    s.levels[0].is_implicit = syntax == SYNTAX_IMPLICIT;
    s.is_big = s.raw.is_big = syntax == SYNTAX_BIG;
    r = syntax == SYNTAX_DEFLATED ? walk_inflated(&s, wish, err)
                                  : walk_to_facts(&s, wish, err);
    scan_groups_finish(&s.groups);
    return r;
}

int scan_memory(const void *data, size_t size, const struct scan_limits *limits,
                struct instance_facts *ret, struct err *err)
{
    return scan_wish(data, size, &(struct wish){limits, ret, NULL, NULL}, err);
}

static int scan_fd(int fd, const char *path, const struct wish *wish, struct err *err)
{
    struct stat st;
    if (fstat(fd, &st) != 0 || !S_ISREG(st.st_mode))
        return err_set(err, ERR_IO, "%s is not a file", path);
    if (st.st_size == 0)
        return err_set(err, ERR_FORMAT, "an empty file");

    void *data = mmap(NULL, (size_t)st.st_size, PROT_READ, MAP_PRIVATE, fd, 0);
    if (data == MAP_FAILED)
        return err_set(err, ERR_IO, "map %s: %s", path, strerror(errno));
    const int r = scan_wish(data, (size_t)st.st_size, wish, err);
    munmap(data, (size_t)st.st_size);
    return r;
}

static int scan_path(const char *path, const struct wish *wish, struct err *err)
{
    const int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    if (fd < 0)
        return err_set(err, ERR_IO, "open %s: %s", path, strerror(errno));
    const int r = scan_fd(fd, path, wish, err);
    close(fd);
    return r;
}

int scan_file(const char *path, const struct scan_limits *limits,
              struct instance_facts *ret, struct err *err)
{
    return scan_path(path, &(struct wish){limits, ret, NULL, NULL}, err);
}

int scan_frames(const char *path, const struct scan_limits *limits,
                struct instance_facts *ret, struct frame_facts **ret_frames,
                size_t *ret_count, struct err *err)
{
    *ret_count = 0;
    return scan_path(path, &(struct wish){limits, ret, ret_frames, ret_count}, err);
}

int scan_structure(const char *path, const struct scan_limits *limits, struct err *err)
{
    return scan_path(path, &(struct wish){limits, NULL, NULL, NULL}, err);
}

int scan_is_uid(const char *text)
{
    const size_t n = strlen(text);
    if (n == 0 || n > 64 || strspn(text, "0123456789.") != n)
        return 0;
    return text[0] != '.' && text[n - 1] != '.' && !strstr(text, "..");
}
