/*
 * pixels: the stored values of one frame out of a file, in modality units.
 *
 * Native pixels are read straight from their place. Of compressed ones just the frame's
 * fragments are read and given to the codec of their transfer syntax; no other part of the file
 * is parsed again.
 */
#ifndef SCP_DCM_PIXELS_HH
#define SCP_DCM_PIXELS_HH

#include "base/facts.h"
#include "scp/dcm/guard.hh"

#include <cstddef>
#include <cstdint>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

namespace dcm
{

struct fragment {
    int64_t offset; // of its bytes in the file
    uint32_t length;
};

/** A file with its pixels; used by several threads. */
struct pixel_file {
    pixel_file(const char *path, const instance_facts &facts);

    const std::string path, syntax;
    const pixel_facts pixels;

    std::once_flag once; // guards what follows, which is read when the first frame is
    std::vector<fragment> fragments;
    std::vector<size_t> first_fragment; // [frames + 1] into fragments
    std::unique_ptr<failure> broken;    // why they could not be read
};

/** Why pixels of that kind cannot be read, for people; nullptr when they can: monochrome, 8 or
 * 16 bits, of a sane size and a transfer syntax that there is a decoder for. */
const char *why_not_read(const instance_facts &facts);

/**
 * Frame (from 0) of file as stored * slope + intercept.
 *
 * dst  float [rows][columns]
 *
 * Any thread. Errors: ERR_IO, ERR_FORMAT, ERR_UNSUPPORTED; throws failure and bad_alloc.
 */
int read_pixels(pixel_file &file, size_t frame, double slope, double intercept,
                float *dst, err *err);

} // namespace dcm
#endif
