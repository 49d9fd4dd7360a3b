#include "scp/dcm/write_multi.hh"

#include "scp/dcm/write_source.hh"

#include <algorithm>
#include <cmath>
#include <numeric>

namespace
{

const code PURPOSE = {"121322", "DCM", "Source image for image processing operation"};

constexpr double EVEN_MM = 0.01; // slices closer to even than this are said to be even

/* Positions of the slices along the normal. */
std::vector<double> along_normal(const grid &grid)
{
    double normal[3];
    grid_normal(&grid, normal);
    std::vector<double> at(grid.nz);
    for (size_t z = 0; z < grid.nz; z++)
        at[z] = std::inner_product(normal, normal + 3, grid.position_mm[z], 0.0);
    return at;
}

/* Distance of slices, or 0 when they are uneven or there is but one. */
double even_spacing(const grid &grid)
{
    std::vector<double> at = along_normal(grid);
    std::sort(at.begin(), at.end());
    if (at.size() < 2)
        return 0;
    const double step = (at.back() - at.front()) / static_cast<double>(at.size() - 1);
    for (size_t z = 0; z < at.size(); z++) {
        if (std::fabs(at[z] - at[0] - step * static_cast<double>(z)) > EVEN_MM)
            return 0;
    }
    return step;
}

} // namespace

std::vector<size_t> dcm::slice_ranks(const grid &grid)
{
    const std::vector<double> at = along_normal(grid);
    std::vector<size_t> order(grid.nz), ranks(grid.nz);
    std::iota(order.begin(), order.end(), size_t{0});
    std::stable_sort(order.begin(), order.end(),
                     [&](size_t a, size_t b) { return at[a] < at[b]; });
    for (size_t i = 0; i < order.size(); i++)
        ranks[order[i]] = i + 1;
    return ranks;
}

void dcm::put_multi(dcm_writer &writer, const object &object, const grid &grid,
                    size_t frames, DcmDataset &to)
{
    put(to, DCM_Rows, grid.ny);
    put(to, DCM_Columns, grid.nx);
    put(to, DCM_NumberOfFrames, frames);
    put(to, DCM_FrameOfReferenceUID, writer.frame_of_reference_uid);
    put(to, DCM_PositionReferenceIndicator, writer.position_indicator);
    put(to, DCM_ContentLabel, code_string(object.name));
    put(to, DCM_ContentDescription,
        cut(std::string(writer.context.result->title) + " " + object.label, 64));
    put(to, DCM_ContentCreatorName, ""); // nobody: it is automatic
    put_referenced_series(writer, to);
}

void dcm::put_dimensions(dcm_writer &writer, const object &object,
                         const std::vector<dimension> &dimensions, DcmDataset &to)
{
    const std::string uid = object_uid(writer, "dimensions-" + object.name);
    put(add_item(to, DCM_DimensionOrganizationSequence), DCM_DimensionOrganizationUID,
        uid);
    put(to, DCM_DimensionOrganizationType, "3D");
    for (const dimension &d : dimensions) {
        DcmItem &item = add_item(to, DCM_DimensionIndexSequence);
        check(item.putAndInsertTagKey(DCM_DimensionIndexPointer, d.pointer), d.pointer);
        check(item.putAndInsertTagKey(DCM_FunctionalGroupPointer, d.group), d.group);
        put(item, DCM_DimensionOrganizationUID, uid);
        put(item, DCM_DimensionDescriptionLabel, d.label);
    }
}

DcmItem &dcm::add_shared_groups(const grid &grid, DcmDataset &to)
{
    DcmItem &shared = add_item(to, DCM_SharedFunctionalGroupsSequence);
    DcmItem &measures = add_item(shared, DCM_PixelMeasuresSequence);
    const double spacing[2] = {grid.spacing_mm[1], grid.spacing_mm[0]}; // rows first
    put(measures, DCM_PixelSpacing, spacing, 2);
    put(measures, DCM_SliceThickness, &grid.thickness_mm, 1);
    const double step = even_spacing(grid);
    if (step > 0)
        put(measures, DCM_SpacingBetweenSlices, &step, 1);
    put(add_item(shared, DCM_PlaneOrientationSequence), DCM_ImageOrientationPatient,
        grid.orientation, 6);
    return shared;
}

DcmItem &dcm::add_frame_groups(const grid &grid, const frame_place &place, DcmDataset &to)
{
    DcmItem &groups = add_item(to, DCM_PerFrameFunctionalGroupsSequence);
    DcmItem &content = add_item(groups, DCM_FrameContentSequence);
    put(content, DCM_StackID, "1");
    put(content, DCM_InStackPositionNumber, place.indices.back());
    put_numbers(content, DCM_DimensionIndexValues, place.indices);
    put(add_item(groups, DCM_PlanePositionSequence), DCM_ImagePositionPatient,
        grid.position_mm[place.slice], 3);
    return groups;
}

void dcm::put_derivation(const code &derivation, const series_frame &source,
                         DcmItem &groups)
{
    DcmItem &item = add_item(groups, DCM_DerivationImageSequence);
    add_code(item, DCM_DerivationCodeSequence, derivation);
    DcmItem &image = add_item(item, DCM_SourceImageSequence);
    put_reference(image, source);
    add_code(image, DCM_PurposeOfReferenceCodeSequence, PURPOSE);
    put(image, DCM_SpatialLocationsPreserved, "YES");
}
