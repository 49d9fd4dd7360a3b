/*
 * write_context: what all objects of a job have in common: patient, study, equipment, names.
 */
#ifndef SCP_DCM_WRITE_CONTEXT_HH
#define SCP_DCM_WRITE_CONTEXT_HH

#include "scp/dcm/item.hh"
#include "scp/dcm_write.h"

#include <string>

/* The handle of scp/dcm_write.h. */
struct dcm_writer {
    dcm_write_context context;
    DcmDataset patient_study; // modules of patient and study, UTF-8
    DcmDataset series;        // requests, performed step, body part of the source
    std::string date, time;   // of creation, in the source's time zone
    std::string frame_of_reference_uid, position_indicator;
    std::string description; // what made it, and its version
};

namespace dcm
{

/** What tells an object of the job from the others. */
struct object {
    std::string name; // as in dcm_write_uid()
    const char *sop_class, *modality;
    int series_offset; // in the block of series numbers
    std::string label; // end of the series description
};

/** Fill to with patient, study, series, equipment and SOP common of that object. */
void start(dcm_writer &writer, const object &object, DcmDataset &to);
/** What every image says besides. image_type: values joined by backslashes. */
void put_image(dcm_writer &writer, const std::string &image_type, DcmDataset &to);
/** Laterality, type 2C of images of paired parts: an unnamed part may be one. */
void put_laterality(DcmDataset &to);
/** Write a finished data set to path, synced, atomically. */
int finish(DcmDataset &from, const char *path, err *err);

/** SOP Instance UID of the job's object of that name, and the UID of the series it is in. */
std::string object_uid(const dcm_writer &writer, const std::string &name);
std::string series_uid(const std::string &sop_uid);
/** Tracking UID of the segment or finding of that name. */
std::string tracking_uid(const dcm_writer &writer, const std::string &name);

/** The name of the network, its version and precision, or "" when there is none. */
std::string algorithm_parameters(const dcm_writer &writer);
/** name as a CS: upper case, digits and underscores, at most 16 characters. */
std::string code_string(const std::string &name);
/** Whether the optional code says anything. */
inline bool is_given(const code &code)
{
    return code.value != nullptr;
}

} // namespace dcm
#endif
