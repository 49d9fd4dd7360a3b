#include "scp/dcm_j2k.h"

#include "base/err.h"
#include "scp/dcm/guard.hh"

#include <algorithm>
#include <cstdint>
#include <cstring>
#include <memory>
#include <string>

#include <openjpeg.h>

namespace
{

constexpr uint64_t TILES_MAX = 4096;

using dcm::failure;

/* ---- the head, before OpenJPEG sees it ---- */

struct bytes {
    const uint8_t *data;
    size_t size;

    uint32_t u16(size_t at) const
    {
        return static_cast<uint32_t>(data[at] << 8 | data[at + 1]);
    }
    uint32_t u32(size_t at) const
    {
        return u16(at) << 16 | u16(at + 2);
    }
};

/* The codestream within the boxes of a JP2 file (ISO 15444-1, annex I); others as they are. */
bytes unwrap(bytes file)
{
    static const uint8_t SIGNATURE[] = {0, 0, 0, 12, 'j', 'P', ' ', ' '};
    if (file.size < sizeof(SIGNATURE)
        || std::memcmp(file.data, SIGNATURE, sizeof(SIGNATURE)) != 0)
        return file;
    for (size_t at = 0; file.size - at >= 8;) {
        const size_t length = file.u32(at);
        if (std::memcmp(file.data + at + 4, "jp2c", 4) == 0)
            return {file.data + at + 8, file.size - at - 8};
        if (length < 8 || length > file.size - at)
            break;
        at += length;
    }
    throw failure(ERR_FORMAT, "a JP2 file without codestream");
}

std::string text_of(uint64_t a, uint64_t b)
{
    return std::to_string(a) + " x " + std::to_string(b);
}

/* The SIZ marker (ISO 15444-1, A.5.1) must say what the object says. */
void check_head(bytes stream, const pixel_facts &pixels)
{
    constexpr uint32_t SOC = 0xff4f, SIZ = 0xff51;
    constexpr size_t SIZ_END = 45; // with one component
    if (stream.size < SIZ_END || stream.u16(0) != SOC || stream.u16(2) != SIZ)
        throw failure(ERR_FORMAT, "not a JPEG 2000 codestream");
    const uint64_t x1 = stream.u32(8), y1 = stream.u32(12);
    const uint64_t x0 = stream.u32(16), y0 = stream.u32(20);
    const uint64_t tile_x = stream.u32(24), tile_y = stream.u32(28);
    const uint32_t components = stream.u16(40), depth = stream.data[42];
    if (x1 <= x0 || y1 <= y0 || x1 - x0 != static_cast<uint64_t>(pixels.columns)
        || y1 - y0 != static_cast<uint64_t>(pixels.rows))
        throw failure(ERR_FORMAT, "a codestream of " + text_of(x1 - x0, y1 - y0)
                                      + " pixels in an image of "
                                      + text_of(static_cast<uint64_t>(pixels.columns),
                                                static_cast<uint64_t>(pixels.rows)));
    if (components != 1)
        throw failure(ERR_FORMAT, "a codestream of " + std::to_string(components)
                                      + " components in a monochrome image");
    if (static_cast<int>((depth & 0x7f) + 1) > pixels.bits_allocated
        || stream.data[43] != 1 || stream.data[44] != 1)
        throw failure(ERR_FORMAT, "a codestream of other samples than the image has");
    if (tile_x == 0 || tile_y == 0
        || ((x1 + tile_x - 1) / tile_x) * ((y1 + tile_y - 1) / tile_y) > TILES_MAX)
        throw failure(ERR_LIMIT, "a codestream of too many tiles");
}

/* ---- OpenJPEG reads from memory ---- */

struct reader {
    bytes from;
    size_t at;
};

OPJ_SIZE_T read_some(void *to, OPJ_SIZE_T size, void *user)
{
    reader &r = *static_cast<reader *>(user);
    const size_t n = std::min<size_t>(size, r.from.size - r.at);
    if (n == 0)
        return static_cast<OPJ_SIZE_T>(-1);
    std::memcpy(to, r.from.data + r.at, n);
    r.at += n;
    return n;
}

OPJ_OFF_T skip_some(OPJ_OFF_T size, void *user)
{
    reader &r = *static_cast<reader *>(user);
    if (size < 0)
        return -1;
    const size_t left = r.from.size - r.at;
    r.at += std::min<size_t>(static_cast<size_t>(size), left);
    return size;
}

OPJ_BOOL seek_to(OPJ_OFF_T at, void *user)
{
    reader &r = *static_cast<reader *>(user);
    if (at < 0 || static_cast<size_t>(at) > r.from.size)
        return OPJ_FALSE;
    r.at = static_cast<size_t>(at);
    return OPJ_TRUE;
}

void keep_first(const char *message, void *user)
{
    std::string &text = *static_cast<std::string *>(user);
    if (text.empty())
        text.assign(message, std::strcspn(message, "\n"));
}

void ignore(const char *message, void *user)
{
    (void)message;
    (void)user;
}

struct destroyer {
    void operator()(opj_codec_t *codec) const
    {
        opj_destroy_codec(codec);
    }
    void operator()(opj_image_t *image) const
    {
        opj_image_destroy(image);
    }
};
struct stream_destroyer {
    void operator()(opj_stream_t *stream) const
    {
        opj_stream_destroy(stream);
    }
};
using owned_codec = std::unique_ptr<opj_codec_t, destroyer>;
using owned_image = std::unique_ptr<opj_image_t, destroyer>;
using owned_stream = std::unique_ptr<opj_stream_t, stream_destroyer>;

owned_stream open_stream(reader &from)
{
    owned_stream stream(opj_stream_create(std::min<size_t>(from.from.size, 1 << 16), 1));
    if (!stream)
        throw std::bad_alloc();
    opj_stream_set_user_data(stream.get(), &from, nullptr);
    opj_stream_set_user_data_length(stream.get(), from.from.size);
    opj_stream_set_read_function(stream.get(), read_some);
    opj_stream_set_skip_function(stream.get(), skip_some);
    opj_stream_set_seek_function(stream.get(), seek_to);
    return stream;
}

owned_image decode(bytes stream)
{
    std::string reason;
    reader from = {stream, 0};
    const owned_stream input = open_stream(from);
    const owned_codec codec(opj_create_decompress(OPJ_CODEC_J2K));
    if (!codec)
        throw std::bad_alloc();
    opj_set_info_handler(codec.get(), ignore, nullptr);
    opj_set_warning_handler(codec.get(), ignore, nullptr);
    opj_set_error_handler(codec.get(), keep_first, &reason);

    opj_dparameters_t parameters;
    opj_set_default_decoder_parameters(&parameters);
    opj_image_t *image = nullptr;
    const bool is_headed = opj_setup_decoder(codec.get(), &parameters)
                           && opj_read_header(input.get(), codec.get(), &image);
    owned_image owned(image);
    // What ends early fails here: half an image is none.
    if (!is_headed || !opj_decode(codec.get(), input.get(), image))
        throw failure(ERR_FORMAT, "JPEG 2000: " + reason);
    return owned;
}

/* ---- stored values ---- */

/* Where the object is signed and the codestream says it is not, the top bit is the sign all
 * the same: a known fault of encoders. */
template <typename T>
void store(const opj_image_comp_t &from, bool is_signed, size_t count, void *ret)
{
    T *to = static_cast<T *>(ret);
    const bool is_extended = is_signed && !from.sgnd && from.prec < 32;
    const OPJ_UINT32 shift = is_extended ? 32 - from.prec : 0;
    for (size_t i = 0; i < count; i++) {
        const uint32_t bits = static_cast<uint32_t>(from.data[i]) << shift;
        to[i] = static_cast<T>(static_cast<int32_t>(bits) >> shift);
    }
}

void decode_frame(bytes file, const pixel_facts &pixels, void *ret)
{
    const bytes stream = unwrap(file);
    check_head(stream, pixels);
    const owned_image image = decode(stream);
    const opj_image_comp_t &from = image->comps[0];
    if (image->numcomps != 1 || !from.data
        || from.w != static_cast<OPJ_UINT32>(pixels.columns)
        || from.h != static_cast<OPJ_UINT32>(pixels.rows))
        throw failure(ERR_FORMAT, "JPEG 2000: another matrix than was announced");
    const size_t count = static_cast<size_t>(from.w) * from.h;
    if (pixels.bits_allocated == 16)
        store<uint16_t>(from, pixels.is_signed, count, ret);
    else
        store<uint8_t>(from, pixels.is_signed, count, ret);
}

} // namespace

bool dcm_j2k_is_syntax(const char *transfer_syntax)
{
    // JPEG 2000, its part 2, HTJ2K (PS3.6 table A-1).
    static const char *const SYNTAXES[] = {"90", "91", "92", "93", "201", "202", "203"};
    static const char ROOT[] = "1.2.840.10008.1.2.4.";
    if (std::strncmp(transfer_syntax, ROOT, sizeof(ROOT) - 1) != 0)
        return false;
    return std::any_of(std::begin(SYNTAXES), std::end(SYNTAXES), [&](const char *tail) {
        return std::strcmp(transfer_syntax + sizeof(ROOT) - 1, tail) == 0;
    });
}

int dcm_j2k_decode(const void *data, size_t size, const struct pixel_facts *pixels,
                   void *ret, struct err *err)
{
    return dcm::guard(err, [&] {
        decode_frame({static_cast<const uint8_t *>(data), size}, *pixels, ret);
        return 0;
    });
}
