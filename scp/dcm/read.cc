#include "scp/dcm_read.h"

#include "base/err.h"
#include "scp/dcm/guard.hh"
#include "scp/dcm/pixels.hh"
#include "scp/scan.h"

#include <cmath>
#include <cstring>
#include <deque>
#include <map>
#include <memory>
#include <string>
#include <utility>
#include <vector>

namespace
{

struct source_frame {
    size_t file;   // of the source
    size_t number; // in its file, from 0
    double slope, intercept;
};

struct source {
    std::deque<dcm::pixel_file> files;
    std::vector<source_frame> frames;
};

int read_frame(const series *series, size_t frame, float *dst, err *err)
{
    return dcm::guard(err, [&] {
        source *from = static_cast<source *>(series->source);
        const source_frame &f = from->frames[frame];
        return dcm::read_pixels(from->files[f.file], f.number, f.slope, f.intercept, dst,
                                err);
    });
}

void finish(series *series)
{
    delete static_cast<source *>(series->source);
}

/* ---- which instances ---- */

/* Why an instance is left out; nullptr: it is not. */
const char *why_left_out(const instance_facts &f)
{
    if (const char *why = dcm::why_not_read(f))
        return why;
    // Several frames without functional groups have no place each.
    const bool has_frames =
        scan_is_enhanced(f.sop_class) ? f.stack.frames > 0 : f.pixels.frames == 1;
    return f.plane.is_valid && has_frames ? nullptr : "no geometry";
}

bool is_usable(const instance_facts &f)
{
    return why_left_out(f) == nullptr;
}

/* By image type and description, as all scanners tell it; exponential maps are neither. */
frame_kind kind_of(const instance_facts &f)
{
    const std::string type = f.image_type, name = f.series_description;
    const auto says = [&](const char *word) {
        return type.find(word) != std::string::npos
               || name.find(word) != std::string::npos;
    };
    if (std::strcmp(f.modality, "MR") != 0 || says("EADC") || says("eADC") || says("EXP"))
        return FRAME_PLAIN;
    if (says("ADC") || says("Apparent Diff"))
        return FRAME_ADC;
    return !std::isnan(f.b_value) || type.find("DIFFUSION") != std::string::npos
               ? FRAME_DIFFUSION
               : FRAME_PLAIN;
}

/* Whether diffusion images are beside others, which then come first. */
bool is_beside(const instance_facts &f, bool has_plain)
{
    return has_plain && kind_of(f) != FRAME_PLAIN;
}

/* The matrix that most have. */
std::pair<int, int> usual_matrix(const instance_facts *facts, size_t count,
                                 bool has_plain)
{
    std::map<std::pair<int, int>, size_t> votes;
    for (size_t i = 0; i < count; i++) {
        if (is_usable(facts[i]) && !is_beside(facts[i], has_plain))
            votes[{facts[i].pixels.rows, facts[i].pixels.columns}] +=
                static_cast<size_t>(facts[i].pixels.frames);
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

int series_index(series *s, const instance_facts &f)
{
    for (size_t i = 0; i < s->series_count; i++) {
        if (std::strcmp(s->series_uids[i], f.series_uid) == 0)
            return static_cast<int>(i);
    }
    std::memcpy(s->series_uids[s->series_count], f.series_uid, FACTS_UID);
    return static_cast<int>(s->series_count++);
}

/* number: from 0, of the frame in its file. */
void add_frame(series *s, source *from, const instance_facts &f, int number)
{
    series_frame &frame = s->frames[s->frame_count++];
    frame.plane = f.plane;
    frame.time = f.time;
    frame.series = series_index(s, f);
    frame.frame_number = 0;
    frame.nx = static_cast<size_t>(f.pixels.columns);
    frame.ny = static_cast<size_t>(f.pixels.rows);
    frame.kind = kind_of(f);
    frame.echo_time_ms = f.echo_time_ms;
    frame.b_value = f.b_value;
    std::memcpy(frame.sop_uid, f.sop_uid, FACTS_UID);
    std::memcpy(frame.sop_class, f.sop_class, FACTS_UID);
    from->frames.push_back({from->files.size() - 1, static_cast<size_t>(number),
                            f.pixels.slope, f.pixels.intercept});
}

/* Each frame of an Enhanced object. */
int add_frames(series *s, source *from, const instance_facts &f, const char *path,
               err *err)
{
    instance_facts whole, one = f;
    frame_facts *list = nullptr;
    size_t count = 0;
    const int r = scan_frames(path, &SCAN_LIMITS, &whole, &list, &count, err);
    const std::unique_ptr<frame_facts, void (*)(void *)> frames(list, free);
    if (r < 0)
        return r;
    if (count != static_cast<size_t>(f.pixels.frames))
        return err_set(err, ERR_FORMAT, "an image has changed since it was scanned");
    for (size_t i = 0; i < count; i++) {
        if (!list[i].plane.is_valid)
            continue;
        one.plane = list[i].plane;
        one.time = list[i].time;
        one.pixels.slope = list[i].slope;
        one.pixels.intercept = list[i].intercept;
        add_frame(s, from, one, static_cast<int>(i));
        s->frames[s->frame_count - 1].frame_number = static_cast<int>(i) + 1;
    }
    return 0;
}

int add_instance(series *s, source *from, const instance_facts &f, const char *path,
                 err *err)
{
    from->files.emplace_back(path, f);
    if (scan_is_enhanced(f.sop_class))
        return add_frames(s, from, f, path, err);
    add_frame(s, from, f, 0);
    return 0;
}

void describe(series *s, const instance_facts &f)
{
    std::memcpy(s->study_uid, f.study_uid, FACTS_UID);
    std::memcpy(s->frame_of_reference_uid, f.frame_of_reference_uid, FACTS_UID);
    std::memcpy(s->modality, f.modality, FACTS_CODE);
    std::memcpy(s->body_part, f.body_part, FACTS_CODE);
    s->echo_time_ms = f.echo_time_ms;
    std::memcpy(s->patient_sex, f.patient.sex, FACTS_CODE);
    s->height_m = f.patient.height_m;
    s->weight_kg = f.patient.weight_kg;
    s->nx = static_cast<size_t>(f.pixels.columns);
    s->ny = static_cast<size_t>(f.pixels.rows);
}

using owned_series = std::unique_ptr<series, void (*)(series *)>;

/* A series with room for the frames of the chosen instances. */
owned_series make_series(const instance_facts *facts, const std::vector<size_t> &chosen)
{
    owned_series s(static_cast<series *>(calloc(1, sizeof(series))), series_destroy);
    size_t frames = 1;
    for (size_t i : chosen)
        frames += static_cast<size_t>(facts[i].pixels.frames);
    if (s) {
        s->frames = static_cast<series_frame *>(calloc(frames, sizeof(*s->frames)));
        s->series_uids =
            static_cast<char(*)[FACTS_UID]>(calloc(chosen.size() + 1, FACTS_UID));
    }
    if (!s || !s->frames || !s->series_uids)
        throw std::bad_alloc();
    return s;
}

/* What is read: the images of one matrix; *ret_beside of diffusion follow, of any. */
std::vector<size_t> choose(const instance_facts *facts, size_t count, size_t *ret_beside)
{
    bool has_plain = false;
    for (size_t i = 0; i < count; i++)
        has_plain |= is_usable(facts[i]) && kind_of(facts[i]) == FRAME_PLAIN;
    const std::pair<int, int> matrix = usual_matrix(facts, count, has_plain);
    std::vector<size_t> chosen, beside;
    for (size_t i = 0; i < count; i++) {
        if (!is_usable(facts[i]))
            continue;
        if (is_beside(facts[i], has_plain))
            beside.push_back(i);
        else if (std::pair(facts[i].pixels.rows, facts[i].pixels.columns) == matrix)
            chosen.push_back(i);
    }
    *ret_beside = beside.size();
    chosen.insert(chosen.end(), beside.begin(), beside.end());
    return chosen;
}

} // namespace

int dcm_read_series(const instance_facts *facts, const char *const *paths, size_t count,
                    series **ret, size_t *ret_left_out, err *err)
{
    return dcm::guard(err, [&] {
        size_t beside = 0, added = 0, frames = 0;
        const std::vector<size_t> chosen = choose(facts, count, &beside);
        if (chosen.empty())
            return err_set(err, ERR_UNSUPPORTED, "no image can be used: %s",
                           count ? why_left_out(facts[0]) : "there is none");
        owned_series s = make_series(facts, chosen);
        auto from = std::make_unique<source>();
        describe(s.get(), facts[chosen[0]]);
        for (size_t i : chosen) {
            if (std::strcmp(facts[i].study_uid, s->study_uid) != 0)
                return err_set(err, ERR_FORMAT, "images of several studies");
            const int r = add_instance(s.get(), from.get(), facts[i], paths[i], err);
            if (r < 0)
                return r;
            if (++added == chosen.size() - beside)
                frames = s->frame_count;
        }
        s->all_count = s->frame_count;
        s->frame_count = frames;
        if (ret_left_out)
            *ret_left_out = count - chosen.size();
        s->read = read_frame;
        s->finish = finish;
        s->source = from.release();
        *ret = s.release();
        return 0;
    });
}
