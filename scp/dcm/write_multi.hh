/*
 * write_multi: the modules that multi-frame objects on a grid share (SEG, parametric map):
 * dimensions and functional groups (PS3.3 C.7.6.16, C.7.6.17).
 */
#ifndef SCP_DCM_WRITE_MULTI_HH
#define SCP_DCM_WRITE_MULTI_HH

#include "base/grid.h"
#include "scp/dcm/write_context.hh"

#include <cstddef>
#include <vector>

namespace dcm
{

/** One dimension: the attribute that frames differ in, and the group it stands in. */
struct dimension {
    DcmTagKey pointer, group;
    const char *label;
};

/** A frame's place: which slice of the grid, and its index in each dimension, from 1. */
struct frame_place {
    size_t slice;
    std::vector<size_t> indices;
};

/** Rows, columns, frames, frame of reference, content identification. */
void put_multi(dcm_writer &writer, const object &object, const grid &grid, size_t frames,
               DcmDataset &to);
/** Dimension organization and index; its UID belongs to the object. */
void put_dimensions(dcm_writer &writer, const object &object,
                    const std::vector<dimension> &dimensions, DcmDataset &to);
/** The item of the shared groups, with pixel measures and plane orientation. */
DcmItem &add_shared_groups(const grid &grid, DcmDataset &to);
/** The item of a frame's groups, with frame content and plane position. */
DcmItem &add_frame_groups(const grid &grid, const frame_place &place, DcmDataset &to);
/** Derivation Image of a frame: derived by derivation from that frame of the source. */
void put_derivation(const code &derivation, const series_frame &source, DcmItem &groups);

/** Ranks from 1 of the slices along the grid's normal: what viewers sort by. */
std::vector<size_t> slice_ranks(const grid &grid);

} // namespace dcm
#endif
