#include "scp/scan_facts.h"

#include "base/err.h"
#include "scp/scan.h"
#include "scp/scan_value.h"
#include "scp/text.h"

#include <assert.h>
#include <math.h>
#include <string.h>

enum wanted {
    TRANSFER_SYNTAX,
    SOURCE_AE,
    CHARSET,
    IMAGE_TYPE,
    SOP_CLASS,
    SOP_UID,
    STUDY_DATE,
    SERIES_DATE,
    ACQUISITION_DATE,
    CONTENT_DATE,
    ACQUISITION_DATETIME,
    STUDY_TIME,
    ACQUISITION_TIME,
    CONTENT_TIME,
    ACCESSION,
    MODALITY,
    MANUFACTURER,
    STUDY_DESCRIPTION,
    SERIES_DESCRIPTION,
    MODEL,
    PATIENT_NAME,
    PATIENT_ID,
    ISSUER,
    BIRTH_DATE,
    SEX,
    HEIGHT,
    WEIGHT,
    CONTRAST_AGENT,
    BODY_PART,
    THICKNESS,
    SEQUENCE_NAME,
    ECHO_TIME,
    PROTOCOL,
    TRIGGER_TIME,
    NOMINAL_INTERVAL,
    HEART_RATE,
    KERNEL,
    DURATION,
    B_VALUE,
    STUDY_UID,
    SERIES_UID,
    STUDY_ID,
    SERIES_NUMBER,
    ACQUISITION_NUMBER,
    INSTANCE_NUMBER,
    POSITION,
    ORIENTATION,
    FRAME_OF_REFERENCE,
    TEMPORAL_POSITION,
    SAMPLES,
    PHOTOMETRIC,
    FRAMES,
    ROWS,
    COLUMNS,
    SPACING,
    BITS_ALLOCATED,
    BITS_STORED,
    HIGH_BIT,
    REPRESENTATION,
    INTERCEPT,
    SLOPE,
    WANTED
};

static_assert((int)WANTED <= (int)SCAN_WANTED_MAX, "room for every wanted element");

static const uint32_t TAGS[WANTED] = {
    [TRANSFER_SYNTAX] = 0x00020010,
    [SOURCE_AE] = 0x00020016,
    [CHARSET] = 0x00080005,
    [IMAGE_TYPE] = 0x00080008,
    [SOP_CLASS] = 0x00080016,
    [SOP_UID] = 0x00080018,
    [STUDY_DATE] = 0x00080020,
    [SERIES_DATE] = 0x00080021,
    [ACQUISITION_DATE] = 0x00080022,
    [CONTENT_DATE] = 0x00080023,
    [ACQUISITION_DATETIME] = 0x0008002a,
    [STUDY_TIME] = 0x00080030,
    [ACQUISITION_TIME] = 0x00080032,
    [CONTENT_TIME] = 0x00080033,
    [ACCESSION] = 0x00080050,
    [MODALITY] = 0x00080060,
    [MANUFACTURER] = 0x00080070,
    [STUDY_DESCRIPTION] = 0x00081030,
    [SERIES_DESCRIPTION] = 0x0008103e,
    [MODEL] = 0x00081090,
    [PATIENT_NAME] = 0x00100010,
    [PATIENT_ID] = 0x00100020,
    [ISSUER] = 0x00100021,
    [BIRTH_DATE] = 0x00100030,
    [SEX] = 0x00100040,
    [HEIGHT] = 0x00101020,
    [WEIGHT] = 0x00101030,
    [CONTRAST_AGENT] = 0x00180010,
    [BODY_PART] = 0x00180015,
    [THICKNESS] = 0x00180050,
    [SEQUENCE_NAME] = 0x00180024,
    [ECHO_TIME] = 0x00180081,
    [PROTOCOL] = 0x00181030,
    [TRIGGER_TIME] = 0x00181060,
    [NOMINAL_INTERVAL] = 0x00181062,
    [HEART_RATE] = 0x00181088,
    [KERNEL] = 0x00181210,
    [DURATION] = 0x00189073,
    [B_VALUE] = 0x00189087,
    [STUDY_UID] = 0x0020000d,
    [SERIES_UID] = 0x0020000e,
    [STUDY_ID] = 0x00200010,
    [SERIES_NUMBER] = 0x00200011,
    [ACQUISITION_NUMBER] = 0x00200012,
    [INSTANCE_NUMBER] = 0x00200013,
    [POSITION] = 0x00200032,
    [ORIENTATION] = 0x00200037,
    [FRAME_OF_REFERENCE] = 0x00200052,
    [TEMPORAL_POSITION] = 0x00200100,
    [SAMPLES] = 0x00280002,
    [PHOTOMETRIC] = 0x00280004,
    [FRAMES] = 0x00280008,
    [ROWS] = 0x00280010,
    [COLUMNS] = 0x00280011,
    [SPACING] = 0x00280030,
    [BITS_ALLOCATED] = 0x00280100,
    [BITS_STORED] = 0x00280101,
    [HIGH_BIT] = 0x00280102,
    [REPRESENTATION] = 0x00280103,
    [INTERCEPT] = 0x00281052,
    [SLOPE] = 0x00281053,
};

static const uint32_t PIXEL_DATA = 0x7fe00010;

/* What names the object: readers differ in which of two they take, so there must be one. */
static bool is_identity(enum wanted i)
{
    return i == TRANSFER_SYNTAX || i == SOP_CLASS || i == SOP_UID || i == STUDY_UID
           || i == SERIES_UID || i == PATIENT_ID;
}

void scan_raw_keep(struct scan_raw *raw, uint32_t tag, const uint8_t *value,
                   uint32_t length, size_t offset)
{
    if (tag == PIXEL_DATA) {
        raw->has_pixels = true;
        raw->pixel_offset = (int64_t)offset;
        raw->pixel_length = length;
        return;
    }
    for (int i = 0; i < WANTED; i++) { // few enough; a table by group would not be faster
        if (TAGS[i] == tag) {
            if (is_identity((enum wanted)i) && raw->values[i].value
                && (raw->values[i].length != length
                    || memcmp(raw->values[i].value, value, length) != 0))
                raw->doubled = tag;
            raw->values[i].value = value;
            raw->values[i].length = length;
            return;
        }
    }
}

/* ---- values as text and numbers ---- */

static struct scan_value value_of(const struct scan_raw *raw, enum wanted i)
{
    return (struct scan_value){raw->values[i].value, raw->values[i].length, raw->is_big};
}

#define ASCII(raw, i, field) scan_value_ascii(value_of(raw, i), field, sizeof(field))

static void text(const struct scan_raw *raw, enum wanted i, char ret[FACTS_TEXT])
{
    char charset[128];
    ASCII(raw, CHARSET, charset);
    ret[0] = '\0';
    if (raw->values[i].value)
        text_to_utf8(charset, (const char *)raw->values[i].value, raw->values[i].length,
                     ret, FACTS_TEXT);
}

static int decimals(const struct scan_raw *raw, enum wanted i, double *ret, int count)
{
    return scan_value_decimals(value_of(raw, i), ret, count);
}

static double decimal(const struct scan_raw *raw, enum wanted i, double otherwise)
{
    return scan_value_decimal(value_of(raw, i), otherwise);
}

static int integer(const struct scan_raw *raw, enum wanted i)
{
    return scan_value_integer(value_of(raw, i));
}

static int us_value(const struct scan_raw *raw, enum wanted i, int otherwise)
{
    return scan_value_u16(value_of(raw, i), otherwise);
}

bool scan_is_enhanced(const char *sop_class)
{
    // PS3.4 table B.5-1.
    static const char *const CLASSES[] = {"2.1", "2.2", "4.1", "4.4", "130", "128.1"};
    static const char ROOT[] = "1.2.840.10008.5.1.4.1.1.";
    if (strncmp(sop_class, ROOT, sizeof(ROOT) - 1) != 0)
        return false;
    for (size_t i = 0; i < sizeof(CLASSES) / sizeof(*CLASSES); i++) {
        if (strcmp(sop_class + sizeof(ROOT) - 1, CLASSES[i]) == 0)
            return true;
    }
    return false;
}

bool scan_raw_is_enhanced(const struct scan_raw *raw)
{
    char uid[FACTS_UID + 8];
    ASCII(raw, SOP_CLASS, uid);
    return scan_is_enhanced(uid);
}

/* ---- dates and times ---- */

double scan_raw_duration_s(const struct scan_raw *raw)
{
    return scan_value_f64(value_of(raw, DURATION));
}

static double moment_s(const struct scan_raw *raw, enum wanted date, enum wanted time)
{
    return scan_value_moment_s(value_of(raw, date), value_of(raw, time));
}

bool scan_beat_is_sane(double rr_ms)
{
    return rr_ms >= 200.0 && rr_ms <= 4000.0; // 300 to 15 beats a minute
}

/* Some scanners write an interval or a rate of 0 or 1. */
static double beat_ms(const struct scan_raw *raw)
{
    const double told = decimal(raw, NOMINAL_INTERVAL, (double)NAN);
    const double counted = 60000.0 / decimal(raw, HEART_RATE, (double)NAN);
    return scan_beat_is_sane(told)      ? told
           : scan_beat_is_sane(counted) ? counted
                                        : (double)NAN;
}

static void fill_time(const struct scan_raw *raw, struct time_facts *ret)
{
    ret->acquisition_s = scan_value_datetime_s(value_of(raw, ACQUISITION_DATETIME));
    if (isnan(ret->acquisition_s))
        ret->acquisition_s = moment_s(raw, ACQUISITION_DATE, ACQUISITION_TIME);
    ret->content_s = moment_s(raw, CONTENT_DATE, CONTENT_TIME);
    ret->trigger_ms = decimal(raw, TRIGGER_TIME, (double)NAN);
    ret->temporal_position = integer(raw, TEMPORAL_POSITION);
    ret->acquisition_number = integer(raw, ACQUISITION_NUMBER);
    ret->instance_number = integer(raw, INSTANCE_NUMBER);
    ret->rr_ms = beat_ms(raw);
}

/* ---- geometry and pixels ---- */

static bool is_place(const double mm[3])
{
    const double FAR_MM = 1e5; // a patient and a table are nearer than 100 m
    return fabs(mm[0]) < FAR_MM && fabs(mm[1]) < FAR_MM && fabs(mm[2]) < FAR_MM;
}

static bool is_spacing(const double mm[2])
{
    return mm[0] > 0.0 && mm[1] > 0.0 && mm[0] < 1e3 && mm[1] < 1e3;
}

static bool is_frame(const double o[6])
{
    const double x = o[0] * o[0] + o[1] * o[1] + o[2] * o[2];
    const double y = o[3] * o[3] + o[4] * o[4] + o[5] * o[5];
    const double xy = o[0] * o[3] + o[1] * o[4] + o[2] * o[5];
    return fabs(x - 1.0) < 1e-2 && fabs(y - 1.0) < 1e-2 && fabs(xy) < 1e-2;
}

bool scan_plane_is_sane(const struct plane_facts *plane)
{
    return is_place(plane->position_mm) && is_frame(plane->orientation)
           && is_spacing(plane->spacing_mm);
}

static void fill_plane(const struct scan_raw *raw, struct plane_facts *ret)
{
    ret->thickness_mm = decimal(raw, THICKNESS, (double)NAN);
    ret->is_valid = decimals(raw, POSITION, ret->position_mm, 3) == 3
                    && decimals(raw, ORIENTATION, ret->orientation, 6) == 6
                    && decimals(raw, SPACING, ret->spacing_mm, 2) == 2
                    && scan_plane_is_sane(ret);
}

static int fill_pixels(const struct scan_raw *raw, struct pixel_facts *ret,
                       struct err *err)
{
    *ret = (struct pixel_facts){.offset = FACTS_NONE, .fragments = FACTS_NONE};
    if (!raw->has_pixels && !raw->is_encapsulated)
        return 0;
    ret->rows = us_value(raw, ROWS, 0);
    ret->columns = us_value(raw, COLUMNS, 0);
    if (ret->rows == 0 || ret->columns == 0)
        return err_set(err, ERR_FORMAT, "(7fe0,0010) pixels without Rows and Columns");

    ret->frames = integer(raw, FRAMES);
    ret->frames = ret->frames < 1 ? 1 : ret->frames;
    ret->samples = us_value(raw, SAMPLES, 1);
    ret->bits_allocated = us_value(raw, BITS_ALLOCATED, 16);
    ret->bits_stored = us_value(raw, BITS_STORED, ret->bits_allocated);
    ret->high_bit = us_value(raw, HIGH_BIT, ret->bits_stored - 1);
    ret->is_signed = us_value(raw, REPRESENTATION, 0) == 1;
    ret->slope = decimal(raw, SLOPE, 1.0);
    ret->intercept = decimal(raw, INTERCEPT, 0.0);
    ret->has_lut = raw->has_lut;
    ASCII(raw, PHOTOMETRIC, ret->photometric);
    if (ret->bits_stored < 1 || ret->bits_stored > ret->bits_allocated
        || ret->high_bit >= ret->bits_allocated)
        return err_set(err, ERR_FORMAT, "(0028,0101) %d bits stored of %d, high bit %d",
                       ret->bits_stored, ret->bits_allocated, ret->high_bit);
    if (raw->fragments > 0 && raw->syntax != SYNTAX_DEFLATED)
        ret->fragments = raw->fragments;
    if (raw->is_encapsulated || !raw->is_native)
        return 0;

    ret->offset = raw->pixel_offset;
    ret->length = raw->pixel_length;
    const double bits = (double)ret->rows * ret->columns * ret->frames * ret->samples
                        * ret->bits_allocated;
    // YBR_FULL_422 shares chrominance: two thirds of the bytes.
    const double share = strstr(ret->photometric, "422") ? 2.0 / 3.0 : 1.0;
    if ((double)ret->length < floor(bits * share / 8.0))
        return err_set(err, ERR_FORMAT,
                       "(7fe0,0010) has %lld bytes, the image needs %.0f",
                       (long long)ret->length, bits * share / 8.0);
    return 0;
}

/* ---- all ---- */

int scan_raw_transfer_syntax(struct scan_raw *raw, struct err *err)
{
    char uid[FACTS_UID + 8];
    ASCII(raw, TRANSFER_SYNTAX, uid);
    if (!scan_is_uid(uid))
        return err_set(err, ERR_FORMAT, "(0002,0010) the transfer syntax is missing");

    raw->syntax = SYNTAX_EXPLICIT;
    raw->is_native = strcmp(uid, "1.2.840.10008.1.2.1") == 0;
    if (strcmp(uid, "1.2.840.10008.1.2") == 0)
        raw->syntax = SYNTAX_IMPLICIT;
    else if (strcmp(uid, "1.2.840.10008.1.2.2") == 0)
        raw->syntax = SYNTAX_BIG;
    else if (strcmp(uid, "1.2.840.10008.1.2.1.99") == 0)
        raw->syntax = SYNTAX_DEFLATED;
    raw->is_native |= raw->syntax != SYNTAX_EXPLICIT;
    return 0;
}

static int uid(const struct scan_raw *raw, enum wanted i, bool is_needed,
               char ret[FACTS_UID], struct err *err)
{
    char value[FACTS_UID + 8]; // longer than a UID may be: not cut to a good one
    ASCII(raw, i, value);
    if (value[0] == '\0' && !is_needed) {
        ret[0] = '\0';
        return 0;
    }
    if (!scan_is_uid(value))
        return err_set(err, ERR_FORMAT, "(%04x,%04x) is %s", TAGS[i] >> 16,
                       TAGS[i] & 0xffff, value[0] ? "not a UID" : "missing");
    memcpy(ret, value, strlen(value) + 1);
    return 0;
}

static int fill_uids(const struct scan_raw *raw, struct instance_facts *f,
                     struct err *err)
{
    int r = uid(raw, SOP_UID, true, f->sop_uid, err);
    if (r == 0)
        r = uid(raw, SOP_CLASS, true, f->sop_class, err);
    if (r == 0)
        r = uid(raw, STUDY_UID, true, f->study_uid, err);
    if (r == 0)
        r = uid(raw, SERIES_UID, true, f->series_uid, err);
    if (r == 0)
        r = uid(raw, TRANSFER_SYNTAX, true, f->transfer_syntax, err);
    if (r == 0
        && uid(raw, FRAME_OF_REFERENCE, false, f->frame_of_reference_uid, NULL) < 0)
        f->frame_of_reference_uid[0] = '\0'; // optional in most IODs: a bad one is none
    return r;
}

static void fill_text(const struct scan_raw *raw, struct instance_facts *f)
{
    ASCII(raw, SOURCE_AE, f->source_ae);
    text(raw, PATIENT_NAME, f->patient.name);
    text(raw, PATIENT_ID, f->patient.id);
    text(raw, ISSUER, f->patient.issuer);
    ASCII(raw, BIRTH_DATE, f->patient.birth_date);
    ASCII(raw, SEX, f->patient.sex);
    ASCII(raw, STUDY_DATE, f->study_date);
    ASCII(raw, STUDY_TIME, f->study_time);
    ASCII(raw, STUDY_ID, f->study_id);
    text(raw, ACCESSION, f->accession);
    text(raw, STUDY_DESCRIPTION, f->study_description);
    ASCII(raw, MODALITY, f->modality);
    ASCII(raw, BODY_PART, f->body_part);
    text(raw, SERIES_DESCRIPTION, f->series_description);
    text(raw, PROTOCOL, f->protocol);
    text(raw, MANUFACTURER, f->manufacturer);
    text(raw, MODEL, f->model);
    text(raw, IMAGE_TYPE, f->image_type);
    text(raw, CONTRAST_AGENT, f->contrast_agent);
    text(raw, KERNEL, f->kernel);
}

/** DiffusionBValue; without it what Siemens writes into the name of the sequence: "*ep_b1000t". */
static double b_value(const struct scan_raw *raw)
{
    const double given = scan_value_f64(value_of(raw, B_VALUE));
    char name[FACTS_CODE];
    ASCII(raw, SEQUENCE_NAME, name);
    const char *at = strstr(name, "ep_b");
    if (!isnan(given) || !at || at[4] < '0' || at[4] > '9')
        return given;
    double b = 0.0;
    for (at += 4; *at >= '0' && *at <= '9' && b < 1e6; at++)
        b = 10.0 * b + (*at - '0');
    return b;
}

int scan_raw_facts(const struct scan_raw *raw, struct instance_facts *ret,
                   struct err *err)
{
    struct instance_facts f = {0};
    if (raw->doubled)
        return err_set(err, ERR_FORMAT, "(%04x,%04x) is there twice and differs",
                       raw->doubled >> 16, raw->doubled & 0xffff);
    int r = fill_uids(raw, &f, err);
    if (r == 0)
        r = fill_pixels(raw, &f.pixels, err);
    if (r < 0)
        return r;
    fill_text(raw, &f);
    fill_plane(raw, &f.plane);
    fill_time(raw, &f.time);
    f.series_number = integer(raw, SERIES_NUMBER);
    f.echo_time_ms = decimal(raw, ECHO_TIME, (double)NAN);
    f.patient.height_m = decimal(raw, HEIGHT, (double)NAN);
    f.patient.weight_kg = decimal(raw, WEIGHT, (double)NAN);
    f.b_value = b_value(raw);
    *ret = f;
    return 0;
}
