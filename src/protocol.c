#include "src/protocol.h"

#include "base/sha256.h"
#include "scp/scan.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#define SEAL(field) ((field)[sizeof(field) - 1] = '\0')

/* A bool of any other byte must not even be read. */
static void seal_flag(bool *flag)
{
    unsigned char byte;
    memcpy(&byte, flag, 1);
    *flag = byte != 0;
}

/* Numbers that steer loops and rows of the index. */
static void seal_stack(struct stack_facts *stack)
{
    const bool is_sane = stack->positions >= 0 && stack->positions <= stack->frames
                         && (size_t)stack->frames <= SCAN_LIMITS.frames_max
                         && fabs(stack->first_mm) < 1e6 && fabs(stack->last_mm) < 1e6;
    if (!is_sane)
        *stack = (struct stack_facts){0};
}

void protocol_seal_facts(struct instance_facts *facts)
{
    SEAL(facts->sop_uid);
    SEAL(facts->sop_class);
    SEAL(facts->transfer_syntax);
    SEAL(facts->source_ae);
    SEAL(facts->study_uid);
    SEAL(facts->series_uid);
    SEAL(facts->frame_of_reference_uid);
    SEAL(facts->patient.name);
    SEAL(facts->patient.id);
    SEAL(facts->patient.issuer);
    SEAL(facts->patient.birth_date);
    SEAL(facts->patient.sex);
    SEAL(facts->study_date);
    SEAL(facts->study_time);
    SEAL(facts->study_id);
    SEAL(facts->accession);
    SEAL(facts->study_description);
    SEAL(facts->modality);
    SEAL(facts->body_part);
    SEAL(facts->series_description);
    SEAL(facts->protocol);
    SEAL(facts->manufacturer);
    SEAL(facts->model);
    SEAL(facts->image_type);
    SEAL(facts->contrast_agent);
    SEAL(facts->kernel);
    SEAL(facts->pixels.photometric);
    seal_flag(&facts->pixels.is_signed);
    seal_flag(&facts->pixels.has_lut);
    seal_flag(&facts->plane.is_valid);
    seal_stack(&facts->stack);
}

void protocol_seal_text(char *text)
{
    for (char *c = text; *c; c++) {
        if (*c < 0x20 || *c > 0x7e || *c == '"')
            *c = '?';
    }
}

void protocol_storage_path(const char *sop_uid, char ret[STORAGE_PATH])
{
    char hex[SHA256_HEX];
    sha256_hex(sop_uid, strlen(sop_uid), hex);
    snprintf(ret, STORAGE_PATH, "%.2s/%s.dcm", hex, hex);
}
