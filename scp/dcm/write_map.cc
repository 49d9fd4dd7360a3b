#include "scp/dcm/write_multi.hh"
#include "scp/dcm/write_source.hh"

#include <algorithm>
#include <cassert>
#include <cmath>
#include <cstring>
#include <string>
#include <vector>

namespace
{

const code DERIVATION = {"129104", "DCM", "Perfusion image analysis"}; // CID 7203
const code QUANTITY = {"246205007", "SCT", "Quantity"};
const code METHOD = {"370129005", "SCT", "Measurement Method"};

/* The fourth value of the image type, for quantities that have a term of their own (PS3.3
 * C.8.16.1.4); the mapping says what the others are. */
std::string image_type(const code &quantity)
{
    static const struct {
        const char *code, *contrast;
    } TERMS[] = {
        {"113055", "RCBF"}, {"113056", "RCBV"}, {"113052", "MTT"}, {"113069", "TTP"}};
    std::string contrast = "NONE";
    for (const auto &term : TERMS) {
        if (std::strcmp(term.code, quantity.value) == 0)
            contrast = term.contrast;
    }
    return "DERIVED\\PRIMARY\\VOLUME\\" + contrast;
}

void put_meaning(const code &concept, const code &value, DcmItem &mapping)
{
    DcmItem &item = dcm::add_item(mapping, DCM_QuantityDefinitionSequence);
    dcm::put(item, DCM_ValueType, "CODE");
    dcm::add_code(item, DCM_ConceptNameCodeSequence, concept);
    dcm::add_code(item, DCM_ConceptCodeSequence, value);
}

/* Real World Value Mapping (PS3.3 C.7.6.16.2.11): stored values are the quantity. */
void put_mapping(const result_map &map, size_t count, DcmItem &groups)
{
    const auto [lo, hi] = std::minmax_element(map.voxels, map.voxels + count);
    DcmItem &item = dcm::add_item(groups, DCM_RealWorldValueMappingSequence);
    const auto put_real = [&](const DcmTagKey &tag, double value) {
        dcm::check(item.putAndInsertFloat64(tag, value), tag);
    };
    put_real(DCM_DoubleFloatRealWorldValueFirstValueMapped, static_cast<double>(*lo));
    put_real(DCM_DoubleFloatRealWorldValueLastValueMapped, static_cast<double>(*hi));
    put_real(DCM_RealWorldValueIntercept, 0);
    put_real(DCM_RealWorldValueSlope, 1);
    dcm::put(item, DCM_LUTExplanation, dcm::cut(map.label, 64));
    dcm::put(item, DCM_LUTLabel, dcm::code_string(map.name));
    dcm::add_code(item, DCM_MeasurementUnitsCodeSequence, map.unit);
    put_meaning(QUANTITY, map.quantity, item);
    if (dcm::is_given(map.method))
        put_meaning(METHOD, map.method, item);
}

void put_shared(const result_map &map, const grid &grid, DcmDataset &to)
{
    DcmItem &shared = dcm::add_shared_groups(grid, to);
    DcmItem &pixel_values = dcm::add_item(shared, DCM_PixelValueTransformationSequence);
    dcm::put(pixel_values, DCM_RescaleIntercept, "0");
    dcm::put(pixel_values, DCM_RescaleSlope, "1");
    dcm::put(pixel_values, DCM_RescaleType, "US");
    DcmItem &window = dcm::add_item(shared, DCM_FrameVOILUTSequence);
    const double lo = static_cast<double>(map.window_lo);
    const double hi = static_cast<double>(map.window_hi);
    const double center = (lo + hi) / 2, width = hi - lo;
    dcm::put(window, DCM_WindowCenter, &center, 1);
    dcm::put(window, DCM_WindowWidth, &width, 1);
    put_mapping(map, grid_voxels(&grid), shared);
    dcm::put(dcm::add_item(shared, DCM_ParametricMapFrameTypeSequence), DCM_FrameType,
             image_type(map.quantity));
}

/* The source frame of the slice of the segments' grid that lies nearest to this one. */
size_t source_of(const dcm_writer &writer, const std::vector<size_t> &frames,
                 const double position_mm[3])
{
    const auto distance = [&](size_t frame) {
        const double *at = writer.context.series->frames[frame].plane.position_mm;
        return std::hypot(at[0] - position_mm[0], at[1] - position_mm[1],
                          at[2] - position_mm[2]);
    };
    return *std::min_element(frames.begin(), frames.end(), [&](size_t a, size_t b) {
        return distance(a) < distance(b);
    });
}

void put_frames(dcm_writer &writer, const grid &grid, DcmDataset &to)
{
    const std::vector<size_t> ranks = dcm::slice_ranks(grid);
    const std::vector<size_t> sources = dcm::frame_of_positions(writer);
    for (size_t z = 0; z < grid.nz; z++) {
        DcmItem &groups = dcm::add_frame_groups(grid, {z, {ranks[z]}}, to);
        const size_t source = source_of(writer, sources, grid.position_mm[z]);
        dcm::put_derivation(DERIVATION, writer.context.series->frames[source], groups);
    }
}

void put_pixel_format(DcmDataset &to)
{
    dcm::put(to, DCM_SamplesPerPixel, "1");
    dcm::put(to, DCM_PhotometricInterpretation, "MONOCHROME2");
    dcm::put(to, DCM_BitsAllocated, "32");
    dcm::put(to, DCM_PresentationLUTShape, "IDENTITY");
    dcm::put(to, DCM_LossyImageCompression, "00");
    dcm::put(to, DCM_BurnedInAnnotation, "NO");
    dcm::put(to, DCM_RecognizableVisualFeatures, "NO");
    dcm::put(to, DCM_ContentQualification, "PRODUCT");
    dcm::put_empty_sequence(to, DCM_AcquisitionContextSequence);
}

int write_map(dcm_writer &writer, size_t i, const char *path, err *err)
{
    const result &result = *writer.context.result;
    const result_map &map = result.maps.items[i];
    const grid &grid = *result.map_grid;
    const dcm::object object = {std::string("map-") + map.name, UID_ParametricMapStorage,
                                "OT", 2 + static_cast<int>(result.pages.count + i),
                                map.label};
    DcmDataset to;
    dcm::start(writer, object, to);
    dcm::put_image(writer, image_type(map.quantity), to);
    dcm::put_laterality(to);
    dcm::put_multi(writer, object, grid, grid.nz, to);
    put_pixel_format(to);
    dcm::put_dimensions(
        writer, object,
        {{DCM_ImagePositionPatient, DCM_PlanePositionSequence, "Position"}}, to);
    put_shared(map, grid, to);
    put_frames(writer, grid, to);
    dcm::check(
        to.putAndInsertFloat32Array(DCM_FloatPixelData, map.voxels, grid_voxels(&grid)),
        DCM_FloatPixelData);
    return dcm::finish(to, path, err);
}

} // namespace

int dcm_write_map(dcm_writer *writer, size_t i, const char *path, err *err)
{
    assert(i < writer->context.result->maps.count && writer->context.result->map_grid);
    return dcm::guard(err, [&] { return write_map(*writer, i, path, err); });
}
