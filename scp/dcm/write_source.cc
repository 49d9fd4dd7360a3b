#include "scp/dcm/write_source.hh"

#include <array>
#include <cmath>
#include <set>
#include <string>

namespace
{

/* For each series of the source: an item with its UID, its instances in sequence. */
void put_series(const series &source, DcmItem &to, const DcmTagKey &instances)
{
    std::vector<DcmItem *> items(source.series_count);
    std::set<std::string> seen; // a multi-frame instance holds many frames
    for (size_t i = 0; i < source.frame_count || i < source.all_count; i++) {
        const series_frame &frame = source.frames[i];
        if (!seen.insert(frame.sop_uid).second)
            continue;
        DcmItem *&item = items[static_cast<size_t>(frame.series)];
        if (!item) {
            item = &dcm::add_item(to, DCM_ReferencedSeriesSequence);
            dcm::put(*item, DCM_SeriesInstanceUID, source.series_uids[frame.series]);
        }
        DcmItem &reference = dcm::add_item(*item, instances);
        dcm::put(reference, DCM_ReferencedSOPClassUID, frame.sop_class);
        dcm::put(reference, DCM_ReferencedSOPInstanceUID, frame.sop_uid);
    }
}

} // namespace

std::vector<size_t> dcm::frame_of_slices(const result &result)
{
    std::vector<size_t> frames;
    for (size_t z = 0; result.grid && result.source_first && z < result.grid->nz; z++) {
        if (result.source_first[z] < result.source_first[z + 1])
            frames.push_back(result.source_frames[result.source_first[z]]);
    }
    return frames;
}

std::vector<size_t> dcm::frame_of_positions(const dcm_writer &writer)
{
    const series &source = *writer.context.series;
    std::vector<size_t> frames;
    std::set<std::array<long, 3>> seen; // to 0.01 mm
    for (size_t i = 0; i < source.frame_count; i++) {
        std::array<long, 3> place = {};
        for (size_t k = 0; k < 3; k++)
            place[k] = std::lround(source.frames[i].plane.position_mm[k] * 100);
        if (seen.insert(place).second)
            frames.push_back(i);
    }
    return frames;
}

void dcm::put_reference(DcmItem &item, const series_frame &frame)
{
    put(item, DCM_ReferencedSOPClassUID, frame.sop_class);
    put(item, DCM_ReferencedSOPInstanceUID, frame.sop_uid);
    if (frame.frame_number > 0)
        put(item, DCM_ReferencedFrameNumber, static_cast<size_t>(frame.frame_number));
}

void dcm::put_referenced_series(dcm_writer &writer, DcmItem &to)
{
    put_series(*writer.context.series, to, DCM_ReferencedInstanceSequence);
}

void dcm::put_evidence_series(dcm_writer &writer, DcmItem &study)
{
    put_series(*writer.context.series, study, DCM_ReferencedSOPSequence);
}
