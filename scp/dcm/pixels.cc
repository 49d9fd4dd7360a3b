#include "scp/dcm/pixels.hh"

#include "scp/dcm/net.hh"
#include "scp/dcm_j2k.h"

#include <cstring>
#include <type_traits>
#include <utility>

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <dcmtk/dcmdata/dcpixel.h>
#include <dcmtk/dcmdata/dcpixseq.h>
#include <dcmtk/dcmdata/dcpxitem.h>

namespace
{

constexpr int MATRIX_MAX = 8192;          // rows and columns
constexpr size_t FRAGMENTS_MAX = 1 << 20; // of a file
constexpr uint32_t ITEM = 0xe000fffe;     // as bytes lie in little endian
constexpr uint32_t SEQUENCE_END = 0xe0ddfffe;

/* ---- bytes of a file ---- */

class opened
{
  public:
    explicit opened(const std::string &path)
        : fd_(open(path.c_str(), O_RDONLY | O_CLOEXEC))
    {
        if (fd_ < 0)
            throw dcm::failure(ERR_IO, "an image cannot be opened");
    }
    ~opened()
    {
        close(fd_);
    }
    opened(const opened &) = delete;
    opened &operator=(const opened &) = delete;

    void read(int64_t offset, void *to, size_t bytes) const
    {
        size_t n = 0;
        ssize_t got = 1;
        while (n < bytes && got > 0) {
            got = pread(fd_, static_cast<char *>(to) + n, bytes - n,
                        static_cast<off_t>(offset) + static_cast<off_t>(n));
            n += got > 0 ? static_cast<size_t>(got) : 0;
        }
        if (n < bytes)
            throw dcm::failure(got < 0 ? ERR_IO : ERR_FORMAT, "an image ends early");
    }

    int64_t size() const
    {
        struct stat st = {};
        return fstat(fd_, &st) == 0 ? static_cast<int64_t>(st.st_size) : 0;
    }

  private:
    int fd_;
};

/* Room for a frame that a thread keeps from one frame to the next. */
std::vector<uint8_t> &scratch(size_t bytes)
{
    static thread_local std::vector<uint8_t> room;
    if (room.size() < bytes)
        room.resize(bytes);
    return room;
}

/* ---- stored values ---- */

template <typename T>
void rescale(const void *from, size_t count, const pixel_facts &p, double slope_,
             double intercept_, float *dst)
{
    const T *stored = static_cast<const T *>(from);
    const int shift_up = static_cast<int>(sizeof(T)) * 8 - p.high_bit - 1;
    const int shift_down = static_cast<int>(sizeof(T)) * 8 - p.bits_stored;
    const float slope = static_cast<float>(slope_);
    const float intercept = static_cast<float>(intercept_);
    // Up (as bits without sign) and down again: drops what lies above the stored bits, and
    // extends the sign.
    for (size_t i = 0; i < count; i++) {
        const auto bits = static_cast<std::make_unsigned_t<T>>(stored[i]);
        dst[i] =
            static_cast<float>(static_cast<T>(
                static_cast<T>(static_cast<unsigned>(bits) << shift_up) >> shift_down))
                * slope
            + intercept;
    }
}

int to_float(const void *from, size_t count, const pixel_facts &p, double slope,
             double intercept, float *dst, err *err)
{
    if (p.bits_allocated == 16 && p.is_signed)
        rescale<int16_t>(from, count, p, slope, intercept, dst);
    else if (p.bits_allocated == 16)
        rescale<uint16_t>(from, count, p, slope, intercept, dst);
    else if (p.bits_allocated == 8 && p.is_signed)
        rescale<int8_t>(from, count, p, slope, intercept, dst);
    else if (p.bits_allocated == 8)
        rescale<uint8_t>(from, count, p, slope, intercept, dst);
    else
        return err_set(err, ERR_UNSUPPORTED, "%d bits allocated", p.bits_allocated);
    return 0;
}

size_t frame_bytes(const pixel_facts &p)
{
    return static_cast<size_t>(p.rows) * static_cast<size_t>(p.columns)
           * static_cast<size_t>(p.bits_allocated) / 8;
}

/* ---- native ---- */

bool is_big(const dcm::pixel_file &file)
{
    return file.syntax == UID_BigEndianExplicitTransferSyntax;
}

const uint8_t *read_native(const dcm::pixel_file &file, size_t frame)
{
    const size_t bytes = frame_bytes(file.pixels);
    std::vector<uint8_t> &room = scratch(bytes);
    opened(file.path).read(
        file.pixels.offset + static_cast<int64_t>(frame) * static_cast<int64_t>(bytes),
        room.data(), bytes);
    if (is_big(file)) {
        for (size_t i = 0; i + 1 < bytes; i += 2)
            std::swap(room[i], room[i + 1]);
    }
    return room.data();
}

/* ---- compressed ---- */

void walk_fragments(const opened &from, dcm::pixel_file &file,
                    std::vector<uint8_t> &offset_table)
{
    int64_t at = file.pixels.fragments;
    const int64_t end = from.size();
    for (bool is_table = true;; is_table = false) {
        uint32_t head[2];
        from.read(at, head, sizeof(head));
        at += static_cast<int64_t>(sizeof(head));
        if (head[0] == SEQUENCE_END)
            return;
        if (head[0] != ITEM || head[1] > end - at
            || file.fragments.size() >= FRAGMENTS_MAX)
            throw dcm::failure(ERR_FORMAT, "the fragments of an image are broken");
        if (is_table) {
            offset_table.resize(head[1]);
            from.read(at, offset_table.data(), head[1]);
        } else {
            file.fragments.push_back({at, head[1]});
        }
        at += head[1];
    }
}

/* Which fragments belong to which frame: one each, or all to one, or as the table says. */
void assign_fragments(dcm::pixel_file &file, const std::vector<uint8_t> &offset_table)
{
    const size_t frames = static_cast<size_t>(file.pixels.frames);
    const size_t count = file.fragments.size();
    if (count == frames || frames == 1) {
        for (size_t i = 0; i < frames; i++)
            file.first_fragment.push_back(i);
        file.first_fragment.push_back(count);
        return;
    }
    const int64_t origin =
        count ? file.fragments[0].offset - 8 : 0; // of the first fragment's item
    size_t next = 0;
    for (size_t i = 0; offset_table.size() / 4 == frames && i < frames; i++) {
        uint32_t offset;
        std::memcpy(&offset, offset_table.data() + 4 * i, 4);
        while (next < count && file.fragments[next].offset - 8 - origin < offset)
            next++;
        if (next < count && file.fragments[next].offset - 8 - origin == offset)
            file.first_fragment.push_back(next);
    }
    file.first_fragment.push_back(count);
    if (file.first_fragment.size() != frames + 1)
        throw dcm::failure(ERR_FORMAT, "it is not told which fragment is of which frame");
}

void index_fragments(dcm::pixel_file &file)
{
    try {
        std::vector<uint8_t> offset_table;
        walk_fragments(opened(file.path), file, offset_table);
        assign_fragments(file, offset_table);
    } catch (const dcm::failure &e) {
        file.broken = std::make_unique<dcm::failure>(e);
    }
}

/* The compressed bytes of a frame, of even length. */
std::vector<uint8_t> read_fragments(dcm::pixel_file &file, size_t frame)
{
    std::call_once(file.once, index_fragments, std::ref(file));
    if (file.broken)
        throw *file.broken;
    const size_t first = file.first_fragment[frame], end = file.first_fragment[frame + 1];
    size_t bytes = 0;
    for (size_t i = first; i < end; i++)
        bytes += file.fragments[i].length;
    std::vector<uint8_t> data(bytes + bytes % 2);
    const opened from(file.path);
    size_t at = 0;
    for (size_t i = first; i < end; i++) {
        from.read(file.fragments[i].offset, data.data() + at, file.fragments[i].length);
        at += file.fragments[i].length;
    }
    return data;
}

void put_pixel_format(DcmDataset &to, const pixel_facts &p)
{
    const auto put = [&](const DcmTagKey &tag, int value) {
        to.putAndInsertUint16(tag, static_cast<Uint16>(value));
    };
    put(DCM_SamplesPerPixel, p.samples);
    to.putAndInsertString(DCM_PhotometricInterpretation, p.photometric);
    put(DCM_Rows, p.rows);
    put(DCM_Columns, p.columns);
    put(DCM_BitsAllocated, p.bits_allocated);
    put(DCM_BitsStored, p.bits_stored);
    put(DCM_HighBit, p.high_bit);
    put(DCM_PixelRepresentation, p.is_signed);
    to.putAndInsertString(DCM_NumberOfFrames, "1");
}

/* One frame to DCMTK's codec, as a data set of nothing but its pixels. */
const uint8_t *decode(dcm::pixel_file &file, size_t frame)
{
    const std::vector<uint8_t> data = read_fragments(file, frame);
    DcmDataset holder;
    put_pixel_format(holder, file.pixels);
    auto sequence = std::make_unique<DcmPixelSequence>(DCM_PixelSequenceTag);
    sequence->insert(new DcmPixelItem(DCM_PixelItemTag)); // an empty offset table
    auto *item = new DcmPixelItem(DCM_PixelItemTag);
    sequence->insert(item);
    OFCondition cond = item->putUint8Array(data.data(), data.size());
    auto *pixels = new DcmPixelData(DCM_PixelData);
    holder.insert(pixels);
    pixels->putOriginalRepresentation(DcmXfer(file.syntax.c_str()).getXfer(), nullptr,
                                      sequence.release());

    const size_t bytes = frame_bytes(file.pixels) + frame_bytes(file.pixels) % 2;
    std::vector<uint8_t> &room = scratch(bytes);
    Uint32 first = 1; // fragment 0 is the table
    OFString colour;
    if (cond.good())
        cond = pixels->getUncompressedFrame(&holder, 0, first, room.data(),
                                            static_cast<Uint32>(bytes), colour);
    if (cond.bad())
        throw dcm::failure(ERR_UNSUPPORTED,
                           std::string("pixels cannot be decoded: ") + cond.text());
    return room.data();
}

const uint8_t *decode_j2k(dcm::pixel_file &file, size_t frame)
{
    const std::vector<uint8_t> data = read_fragments(file, frame);
    std::vector<uint8_t> &room = scratch(frame_bytes(file.pixels));
    err why = {};
    const int r =
        dcm_j2k_decode(data.data(), data.size(), &file.pixels, room.data(), &why);
    if (r == ERR_NOMEM)
        throw std::bad_alloc();
    if (r < 0)
        throw dcm::failure(static_cast<err_code>(r),
                           std::string("pixels cannot be decoded: ") + why.text);
    return room.data();
}

/* ---- a whole data set, where nothing smaller will do: deflated ---- */

const uint8_t *read_whole(const dcm::pixel_file &file, size_t frame)
{
    DcmFileFormat whole;
    OFCondition cond = whole.loadFile(file.path.c_str());
    if (cond.good())
        cond =
            whole.getDataset()->chooseRepresentation(EXS_LittleEndianExplicit, nullptr);
    if (cond.bad())
        throw dcm::failure(ERR_UNSUPPORTED,
                           std::string("pixels cannot be decoded: ") + cond.text());

    DcmElement *element = nullptr;
    Uint16 *words = nullptr;
    Uint8 *bytes = nullptr;
    cond = whole.getDataset()->findAndGetElement(DCM_PixelData, element);
    if (cond.good() && file.pixels.bits_allocated == 16)
        cond = element->getUint16Array(words);
    else if (cond.good())
        cond = element->getUint8Array(bytes);
    const size_t size = frame_bytes(file.pixels);
    const void *stored = words ? static_cast<void *>(words) : bytes;
    if (cond.bad() || !stored || element->getLength() < size * (frame + 1))
        throw dcm::failure(ERR_FORMAT, "an image ends early");
    std::vector<uint8_t> &room = scratch(size);
    std::memcpy(room.data(), static_cast<const uint8_t *>(stored) + size * frame, size);
    return room.data();
}

} // namespace

dcm::pixel_file::pixel_file(const char *name, const instance_facts &facts)
    : path(name), syntax(facts.transfer_syntax), pixels(facts.pixels)
{
}

const char *dcm::why_not_read(const instance_facts &facts)
{
    const pixel_facts &p = facts.pixels;
    if (p.rows <= 0)
        return "no pixels";
    if (!takes_syntax(facts.transfer_syntax))
        return "a transfer syntax that is not read (video, or unknown)";
    if (p.has_lut)
        return "a modality LUT in place of a rescale";
    if (p.samples != 1)
        return "colour";
    if (p.bits_allocated != 8 && p.bits_allocated != 16)
        return "other than 8 or 16 bits allocated";
    return p.rows <= MATRIX_MAX && p.columns <= MATRIX_MAX
               ? nullptr
               : "a matrix beyond 8192 x 8192";
}

namespace
{

const uint8_t *read_stored(dcm::pixel_file &file, size_t frame)
{
    const pixel_facts &p = file.pixels;
    if (p.fragments >= 0)
        return dcm_j2k_is_syntax(file.syntax.c_str()) ? decode_j2k(file, frame)
                                                      : decode(file, frame);
    // Bytes of big endian lie swapped within words, which DCMTK knows how to tell.
    if (p.offset < 0 || (is_big(file) && p.bits_allocated == 8))
        return read_whole(file, frame);
    return read_native(file, frame);
}

} // namespace

int dcm::read_pixels(pixel_file &file, size_t frame, double slope, double intercept,
                     float *dst, err *err)
{
    const pixel_facts &p = file.pixels;
    return to_float(read_stored(file, frame),
                    static_cast<size_t>(p.rows) * static_cast<size_t>(p.columns), p,
                    slope, intercept, dst, err);
}
