/*
 * facts: what is known of an instance, a series and a study without its pixels.
 *
 * The receiver's scan (scp/scan.h) fills instance_facts from a file; the store keeps
 * what the index needs of them and gives study_facts back; an analysis decides by
 * study_facts whether it wants a study. Text is UTF-8, cut to its field. Numbers that
 * the object lacks are NAN, integers that it lacks are FACTS_NONE.
 */
#ifndef BASE_FACTS_H
#define BASE_FACTS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

#define FACTS_NONE (-1)
#define FACTS_UID  65  // 64 characters and NUL
#define FACTS_TEXT 260 // 64 characters of UTF-8 and NUL, with room
#define FACTS_CODE 20  // CS, DA: 16 characters

struct patient_facts {
    char name[FACTS_TEXT], id[FACTS_TEXT], issuer[FACTS_TEXT];
    char birth_date[FACTS_CODE], sex[FACTS_CODE];
    double height_m, weight_kg; // NAN where the object lacks them
};

/** How the pixels lie in the file; valid when rows > 0. */
struct pixel_facts {
    int rows, columns, frames; // 0 rows: no image
    int bits_allocated, bits_stored, high_bit, samples;
    bool is_signed;
    char photometric[FACTS_CODE];
    double slope, intercept; // of the rescale; 1 and 0 when absent
    bool has_lut;      // a table (Modality LUT Sequence) stands in place of the rescale
    int64_t offset;    // of the first pixel byte in the file; FACTS_NONE if encapsulated
    int64_t length;    // bytes of native pixel data
    int64_t fragments; // of the first item of encapsulated pixel data; else FACTS_NONE
};

/** Where an image lies in the patient (LPS, mm); of an Enhanced object, its first frame. */
struct plane_facts {
    bool is_valid;         // position, orientation and spacing are present and sane
    double position_mm[3]; // centre of the first voxel
    double orientation[6]; // unit cosines: along a row, down a column
    double spacing_mm[2];  // between rows (y), between columns (x)
    double thickness_mm;
};

/** The frames of an image together: the one of a classic object, all of an Enhanced one. */
struct stack_facts {
    int frames;               // with geometry; 0: none has
    int positions;            // different ones along the normal (0.05 mm)
    double first_mm, last_mm; // the positions along the normal
};

/** When it was acquired; seconds since 1970 as if the clock were UTC, or of the day. */
struct time_facts {
    double acquisition_s;  // AcquisitionDateTime, else AcquisitionDate + Time
    double content_s;      // ContentDate + Time
    double trigger_ms;     // TriggerTime, or NominalCardiacTriggerDelayTime
    int temporal_position; // TemporalPositionIdentifier, or Index
    int acquisition_number, instance_number;
    double rr_ms; // of the heart: NominalInterval, else 60000 / HeartRate
};

struct instance_facts {
    char sop_uid[FACTS_UID], sop_class[FACTS_UID], transfer_syntax[FACTS_UID];
    char source_ae[FACTS_CODE]; // who sent it, as the file's meta group has it
    char study_uid[FACTS_UID], series_uid[FACTS_UID], frame_of_reference_uid[FACTS_UID];
    struct patient_facts patient;
    char study_date[FACTS_CODE], study_time[FACTS_CODE], study_id[FACTS_CODE];
    char accession[FACTS_TEXT], study_description[FACTS_TEXT];
    char modality[FACTS_CODE], body_part[FACTS_CODE];
    char series_description[FACTS_TEXT], protocol[FACTS_TEXT];
    char manufacturer[FACTS_TEXT], model[FACTS_TEXT];
    char image_type[FACTS_TEXT], contrast_agent[FACTS_TEXT], kernel[FACTS_TEXT];
    int series_number;
    double echo_time_ms;
    double b_value; // DiffusionBValue, or as Siemens' SequenceName tells it; s/mm2
    struct pixel_facts pixels;
    struct plane_facts plane;
    struct stack_facts stack;
    struct time_facts time;
};

struct series_facts {
    int64_t id; // row of the index; 0 where there is none
    char uid[FACTS_UID], frame_of_reference_uid[FACTS_UID], sop_class[FACTS_UID];
    char modality[FACTS_CODE], body_part[FACTS_CODE];
    char description[FACTS_TEXT], protocol[FACTS_TEXT], contrast_agent[FACTS_TEXT];
    char image_type[FACTS_TEXT], manufacturer[FACTS_TEXT];
    int number, rows, columns;
    int frames;    // images of the series; of an Enhanced object each frame counts
    int positions; // different slice positions along the normal (0.01 mm)
    double thickness_mm;
    double first_mm, last_mm; // slice positions along the normal
    double orientation[6];
};

struct study_facts {
    int64_t id; // row of the index; 0 where there is none
    char uid[FACTS_UID];
    char description[FACTS_TEXT];
    char calling_ae[FACTS_CODE];       // who sent it last; "" without a network
    const struct series_facts *series; // [series_count], by series number
    size_t series_count;
};

#ifdef __cplusplus
}
#endif
#endif
