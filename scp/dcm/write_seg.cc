#include "scp/dcm/write_multi.hh"
#include "scp/dcm/write_source.hh"

#include <algorithm>
#include <vector>

#include <dcmtk/dcmiod/cielabutil.h>

namespace
{

// CID 7203 and CID 7162.
const code DERIVATION = {"113076", "DCM", "Segmentation"};
const code NETWORK = {"123110", "DCM", "Artificial Intelligence"};
const code THRESHOLD = {"123108", "DCM", "Multispectral Processing"};

struct seg_frame {
    size_t segment; // of the result
    size_t number;  // of the SEG, from 1 without gaps
    size_t slice;
};

/* Frames where a segment is, ordered by segment and slice. Empty segments get no number. */
std::vector<seg_frame> frames_of(const result &result)
{
    std::vector<seg_frame> frames;
    const size_t plane = result.grid->nx * result.grid->ny;
    size_t number = 0;
    for (size_t s = 0; s < result.segments.count; s++) {
        const result_segment &segment = result.segments.items[s];
        number += segment.voxels > 0;
        for (size_t z = 0; segment.voxels > 0 && z < result.grid->nz; z++) {
            const uint8_t *mask = segment.mask + z * plane;
            if (std::any_of(mask, mask + plane, [](uint8_t m) { return m != 0; }))
                frames.push_back({s, number, z});
        }
    }
    return frames;
}

/* Bits of all frames in one run, first pixel in the lowest bit (PS3.5 8.1.1): frames need
 * not begin at a byte. DCMTK 3.6.7 packs wrongly where rows * columns % 8 is 3, 5, 6 or 7. */
std::vector<Uint8> pack(const result &result, const std::vector<seg_frame> &frames)
{
    const size_t plane = result.grid->nx * result.grid->ny;
    std::vector<Uint8> bits((plane * frames.size() + 7) / 8 + 1);
    size_t at = 0;
    for (const seg_frame &f : frames) {
        const uint8_t *mask = result.segments.items[f.segment].mask + f.slice * plane;
        for (size_t i = 0; i < plane; i++, at++)
            bits[at / 8] = static_cast<Uint8>(bits[at / 8] | (mask[i] != 0) << at % 8);
    }
    bits.resize(((at + 7) / 8 + 1) & ~size_t{1}); // even length
    return bits;
}

bool is_overlapping(const result &result)
{
    const size_t n = grid_voxels(result.grid);
    for (size_t i = 0; i < n; i++) {
        int owners = 0;
        for (size_t s = 0; s < result.segments.count; s++)
            owners += result.segments.items[s].mask[i] != 0;
        if (owners > 1)
            return true;
    }
    return false;
}

/* The white point is D65: what DCMTK, dcmjs and the viewers that build on them assume. */
void put_colour(const uint8_t rgb[3], DcmItem &to)
{
    double lab[3];
    IODCIELabUtil::rgb2DicomLab(lab[0], lab[1], lab[2], rgb[0] / 255.0, rgb[1] / 255.0,
                                rgb[2] / 255.0);
    dcm::put_numbers(to, DCM_RecommendedDisplayCIELabValue,
                     {static_cast<size_t>(lab[0] + 0.5),
                      static_cast<size_t>(lab[1] + 0.5),
                      static_cast<size_t>(lab[2] + 0.5)});
}

void put_algorithm(dcm_writer &writer, DcmItem &to)
{
    const result &result = *writer.context.result;
    const std::string parameters = dcm::algorithm_parameters(writer);
    dcm::put(to, DCM_SegmentAlgorithmType, "AUTOMATIC");
    dcm::put(to, DCM_SegmentAlgorithmName, dcm::cut(writer.description, 64));
    DcmItem &item = dcm::add_item(to, DCM_SegmentationAlgorithmIdentificationSequence);
    dcm::add_code(item, DCM_AlgorithmFamilyCodeSequence,
                  writer.context.model ? NETWORK : THRESHOLD);
    dcm::put(item, DCM_AlgorithmName, std::string("Hilum ") + result.analysis);
    dcm::put(item, DCM_AlgorithmVersion, result.version);
    dcm::put(item, DCM_AlgorithmSource, "Hilum");
    if (!parameters.empty())
        dcm::put(item, DCM_AlgorithmParameters, parameters);
}

void put_segment(dcm_writer &writer, const result_segment &segment, size_t number,
                 DcmDataset &to)
{
    DcmItem &item = dcm::add_item(to, DCM_SegmentSequence);
    dcm::put(item, DCM_SegmentNumber, number);
    dcm::put(item, DCM_SegmentLabel, dcm::cut(segment.label, 64));
    dcm::add_code(item, DCM_SegmentedPropertyCategoryCodeSequence, segment.category);
    dcm::add_code(item, DCM_SegmentedPropertyTypeCodeSequence, segment.type);
    if (dcm::is_given(segment.anatomy)) {
        DcmItem &region =
            dcm::add_code(item, DCM_AnatomicRegionSequence, segment.anatomy);
        if (dcm::is_given(segment.laterality))
            dcm::add_code(region, DCM_AnatomicRegionModifierSequence, segment.laterality);
    }
    put_algorithm(writer, item);
    put_colour(segment.rgb, item);
    dcm::put(item, DCM_TrackingID, segment.name);
    dcm::put(item, DCM_TrackingUID, dcm::tracking_uid(writer, segment.name));
}

void put_pixel_format(const result &result, DcmDataset &to)
{
    dcm::put(to, DCM_SamplesPerPixel, "1");
    dcm::put(to, DCM_PhotometricInterpretation, "MONOCHROME2");
    dcm::put(to, DCM_BitsAllocated, "1");
    dcm::put(to, DCM_BitsStored, "1");
    dcm::put(to, DCM_HighBit, "0");
    dcm::put(to, DCM_PixelRepresentation, "0");
    dcm::put(to, DCM_LossyImageCompression, "00");
    dcm::put(to, DCM_SegmentationType, "BINARY");
    dcm::put(to, DCM_SegmentsOverlap, is_overlapping(result) ? "YES" : "NO");
}

void put_frames(dcm_writer &writer, const std::vector<seg_frame> &frames, DcmDataset &to)
{
    const result &result = *writer.context.result;
    const std::vector<size_t> ranks = dcm::slice_ranks(*result.grid);
    const std::vector<size_t> sources = dcm::frame_of_slices(result);
    for (const seg_frame &f : frames) {
        DcmItem &groups = dcm::add_frame_groups(
            *result.grid, {f.slice, {f.number, ranks[f.slice]}}, to);
        dcm::put(dcm::add_item(groups, DCM_SegmentIdentificationSequence),
                 DCM_ReferencedSegmentNumber, f.number);
        const size_t *own = result.segments.items[f.segment].source_frames;
        if (own || sources.size() == result.grid->nz)
            dcm::put_derivation(
                DERIVATION,
                writer.context.series->frames[own ? own[f.slice] : sources[f.slice]],
                groups);
    }
}

int write_seg(dcm_writer &writer, const char *path, err *err)
{
    const result &result = *writer.context.result;
    const std::vector<seg_frame> frames = result.status == RESULT_OK && result.grid
                                              ? frames_of(result)
                                              : std::vector<seg_frame>();
    if (frames.empty())
        return err_set(err, ERR_NOTFOUND, "no segment holds a voxel");

    DcmDataset to;
    const dcm::object object = {"seg", UID_SegmentationStorage, "SEG", 1, "segmentation"};
    dcm::start(writer, object, to);
    dcm::put_image(writer, "DERIVED\\PRIMARY", to);
    delete to.remove(DCM_Laterality); // segments say it, each for itself
    dcm::put_multi(writer, object, *result.grid, frames.size(), to);
    put_pixel_format(result, to);
    for (size_t i = 0; i < frames.size(); i++) {
        if (i == 0 || frames[i].number != frames[i - 1].number)
            put_segment(writer, result.segments.items[frames[i].segment],
                        frames[i].number, to);
    }
    dcm::put_dimensions(
        writer, object,
        {{DCM_ReferencedSegmentNumber, DCM_SegmentIdentificationSequence, "Segment"},
         {DCM_ImagePositionPatient, DCM_PlanePositionSequence, "Position"}},
        to);
    dcm::add_shared_groups(*result.grid, to);
    put_frames(writer, frames, to);
    const std::vector<Uint8> bits = pack(result, frames);
    dcm::check(to.putAndInsertUint8Array(DCM_PixelData, bits.data(), bits.size()),
               DCM_PixelData);
    return dcm::finish(to, path, err);
}

} // namespace

int dcm_write_seg(dcm_writer *writer, const char *path, err *err)
{
    return dcm::guard(err, [&] { return write_seg(*writer, path, err); });
}
