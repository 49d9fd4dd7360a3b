#include "scp/dcm_read.h"

#include "base/err.h"
#include "scp/dcm/guard.hh"

#include <algorithm>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include <fcntl.h>
#include <unistd.h>

#include <dcmtk/dcmimgle/dcmimage.h>

namespace
{

struct source_frame {
    std::string path;
    pixel_facts pixels;
    bool is_native; // little endian, at a known offset
};

struct source {
    std::vector<source_frame> frames;
};

/* ---- pixels ---- */

template <typename T>
void rescale(const void *from, size_t count, const pixel_facts &p, float *dst)
{
    const T *stored = static_cast<const T *>(from);
    const int shift_up = static_cast<int>(sizeof(T)) * 8 - p.high_bit - 1;
    const int shift_down = static_cast<int>(sizeof(T)) * 8 - p.bits_stored;
    const float slope = static_cast<float>(p.slope);
    const float intercept = static_cast<float>(p.intercept);
    // Up and down again: drops what lies above the stored bits, and extends the sign.
    for (size_t i = 0; i < count; i++)
        dst[i] = static_cast<float>(
                     static_cast<T>(static_cast<T>(stored[i] << shift_up) >> shift_down))
                     * slope
                 + intercept;
}

int to_float(const void *from, size_t count, const pixel_facts &p, float *dst, err *err)
{
    if (p.bits_allocated == 16 && p.is_signed)
        rescale<int16_t>(from, count, p, dst);
    else if (p.bits_allocated == 16)
        rescale<uint16_t>(from, count, p, dst);
    else if (p.bits_allocated == 8 && p.is_signed)
        rescale<int8_t>(from, count, p, dst);
    else if (p.bits_allocated == 8)
        rescale<uint8_t>(from, count, p, dst);
    else
        return err_set(err, ERR_UNSUPPORTED, "%d bits allocated", p.bits_allocated);
    return 0;
}

int read_native(const source_frame &f, size_t count, float *dst, err *err)
{
    const size_t bytes = count * static_cast<size_t>(f.pixels.bits_allocated) / 8;
    const std::unique_ptr<char[]> stored(new char[bytes]);
    const int fd = open(f.path.c_str(), O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return err_set(err, ERR_IO, "an image cannot be opened");

    size_t n = 0;
    ssize_t got = 1;
    while (n < bytes && got > 0) {
        got = pread(fd, stored.get() + n, bytes - n,
                    static_cast<off_t>(f.pixels.offset) + static_cast<off_t>(n));
        n += got > 0 ? static_cast<size_t>(got) : 0;
    }
    close(fd);
    if (n < bytes)
        return err_set(err, got < 0 ? ERR_IO : ERR_FORMAT, "an image ends early");
    return to_float(stored.get(), count, f.pixels, dst, err);
}

int read_decoded(const source_frame &f, size_t count, float *dst, err *err)
{
    DcmFileFormat file;
    OFCondition cond = file.loadFile(f.path.c_str());
    if (cond.good())
        cond = file.getDataset()->chooseRepresentation(EXS_LittleEndianExplicit, nullptr);
    if (cond.bad())
        return err_set(err, ERR_UNSUPPORTED, "pixels cannot be decoded: %s", cond.text());

    DcmElement *element = nullptr;
    Uint16 *words = nullptr;
    Uint8 *bytes = nullptr;
    cond = file.getDataset()->findAndGetElement(DCM_PixelData, element);
    if (cond.good() && f.pixels.bits_allocated == 16)
        cond = element->getUint16Array(words);
    else if (cond.good())
        cond = element->getUint8Array(bytes);
    const void *stored = words ? static_cast<void *>(words) : bytes;
    if (cond.bad() || !stored
        || element->getLength()
               < count * static_cast<size_t>(f.pixels.bits_allocated) / 8)
        return err_set(err, ERR_FORMAT, "an image ends early");
    return to_float(stored, count, f.pixels, dst, err);
}

int read_frame(const series *series, size_t frame, float *dst, err *err)
{
    return dcm::guard(err, [&] {
        const source_frame &f = static_cast<source *>(series->source)->frames[frame];
        const size_t count = series->nx * series->ny;
        return f.is_native ? read_native(f, count, dst, err)
                           : read_decoded(f, count, dst, err);
    });
}

void finish(series *series)
{
    delete static_cast<source *>(series->source);
}

/* ---- which instances ---- */

bool is_usable(const instance_facts &f)
{
    const pixel_facts &p = f.pixels;
    return p.rows > 0 && p.frames == 1 && p.samples == 1 && f.plane.is_valid
           && (p.bits_allocated == 8 || p.bits_allocated == 16);
}

/* The matrix that most have. */
std::pair<int, int> usual_matrix(const instance_facts *facts, size_t count)
{
    std::map<std::pair<int, int>, size_t> votes;
    for (size_t i = 0; i < count; i++) {
        if (is_usable(facts[i]))
            votes[{facts[i].pixels.rows, facts[i].pixels.columns}]++;
    }
    std::pair<int, int> best = {0, 0};
    size_t most = 0;
    for (const auto &[matrix, n] : votes) {
        if (n > most) {
            most = n;
            best = matrix;
        }
    }
    return best;
}

bool is_native(const instance_facts &f)
{
    return f.pixels.offset >= 0
           && std::strcmp(f.transfer_syntax, UID_BigEndianExplicitTransferSyntax) != 0;
}

int series_index(series *s, const instance_facts &f)
{
    for (size_t i = 0; i < s->series_count; i++) {
        if (std::strcmp(s->series_uids[i], f.series_uid) == 0)
            return static_cast<int>(i);
    }
    std::memcpy(s->series_uids[s->series_count], f.series_uid, FACTS_UID);
    return static_cast<int>(s->series_count++);
}

void add_frame(series *s, source *from, const instance_facts &f, const char *path)
{
    series_frame &frame = s->frames[s->frame_count++];
    frame.plane = f.plane;
    frame.time = f.time;
    frame.series = series_index(s, f);
    frame.frame_number = 0;
    std::memcpy(frame.sop_uid, f.sop_uid, FACTS_UID);
    std::memcpy(frame.sop_class, f.sop_class, FACTS_UID);
    from->frames.push_back({path, f.pixels, is_native(f)});
}

void describe(series *s, const instance_facts &f)
{
    std::memcpy(s->study_uid, f.study_uid, FACTS_UID);
    std::memcpy(s->frame_of_reference_uid, f.frame_of_reference_uid, FACTS_UID);
    std::memcpy(s->modality, f.modality, FACTS_CODE);
    std::memcpy(s->body_part, f.body_part, FACTS_CODE);
    s->echo_time_ms = f.echo_time_ms;
    s->nx = static_cast<size_t>(f.pixels.columns);
    s->ny = static_cast<size_t>(f.pixels.rows);
}

} // namespace

int dcm_read_series(const instance_facts *facts, const char *const *paths, size_t count,
                    series **ret, size_t *ret_left_out, err *err)
{
    return dcm::guard(err, [&] {
        const std::pair<int, int> matrix = usual_matrix(facts, count);
        auto from = std::make_unique<source>();
        auto *made = static_cast<series *>(calloc(1, sizeof(series)));
        std::unique_ptr<series, void (*)(series *)> s(made, series_destroy);
        if (!s)
            return err_set(err, ERR_NOMEM, "a series");
        s->frames = static_cast<series_frame *>(calloc(count + 1, sizeof(*s->frames)));
        s->series_uids = static_cast<char(*)[FACTS_UID]>(calloc(count + 1, FACTS_UID));
        if (!s->frames || !s->series_uids)
            return err_set(err, ERR_NOMEM, "%zu frames", count);

        for (size_t i = 0; i < count; i++) {
            const instance_facts &f = facts[i];
            if (!is_usable(f) || std::pair(f.pixels.rows, f.pixels.columns) != matrix)
                continue;
            if (s->frame_count == 0)
                describe(s.get(), f);
            if (std::strcmp(f.study_uid, s->study_uid) != 0)
                return err_set(err, ERR_FORMAT, "images of several studies");
            add_frame(s.get(), from.get(), f, paths[i]);
        }
        if (s->frame_count == 0)
            return err_set(err, ERR_UNSUPPORTED, "no single-frame images with geometry");
        if (ret_left_out)
            *ret_left_out = count - s->frame_count;
        s->read = read_frame;
        s->finish = finish;
        s->source = from.release();
        *ret = s.release();
        return 0;
    });
}
