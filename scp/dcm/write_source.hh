/*
 * write_source: says which frames of the source a result stands on.
 */
#ifndef SCP_DCM_WRITE_SOURCE_HH
#define SCP_DCM_WRITE_SOURCE_HH

#include "scp/dcm/write_context.hh"

#include <cstddef>
#include <vector>

namespace dcm
{

/**
 * The frame that stands for each slice of the result's grid: its first. A 4-D study has
 * dozens of frames a slice, all of the same geometry: naming one a slice tells a viewer
 * where a frame lies at a fraction of the size. All of them stand in the referenced series
 * and the evidence.
 */
std::vector<size_t> frame_of_slices(const result &result);
/** A frame for each position of the source, in order of the series: also where a result
 * has no grid. */
std::vector<size_t> frame_of_positions(const dcm_writer &writer);

/** Put the reference to a frame of the source into item (SOP class, instance, frame). */
void put_reference(DcmItem &item, const series_frame &frame);
/** Referenced Series Sequence with all instances of the source (PS3.3 C.12.2). */
void put_referenced_series(dcm_writer &writer, DcmItem &to);
/** The same as a study of an SR's evidence (PS3.3 C.17.2), into the study's item. */
void put_evidence_series(dcm_writer &writer, DcmItem &study);

} // namespace dcm
#endif
