#include "src/protocol.h"

#define SEAL(field) ((field)[sizeof(field) - 1] = '\0')

void protocol_seal_facts(struct instance_facts *facts)
{
    SEAL(facts->sop_uid);
    SEAL(facts->sop_class);
    SEAL(facts->transfer_syntax);
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
}
