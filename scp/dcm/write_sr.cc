#include "scp/dcm/sr_codes.hh"
#include "scp/dcm/sr_tree.hh"
#include "scp/dcm/write_source.hh"

#include "base/sha256.h"

#include <cstring>
#include <vector>

namespace
{

using dcm::sr_tree;

/* The report in the making: what its parts need to know. */
struct report {
    dcm_writer &writer;
    const struct result &found;
    sr_tree &tree;
    bool has_seg;

    /* Whether a segment is in the SEG. */
    bool is_in_seg(size_t segment) const
    {
        return has_seg && found.segments.items[segment].voxels > 0;
    }
    /* Number of a segment that is: empty ones have none, see write_seg.cc. */
    size_t segment_number(size_t segment) const
    {
        size_t number = 0;
        for (size_t s = 0; s <= segment; s++)
            number += found.segments.items[s].voxels > 0;
        return number;
    }
};

/* ---- TID 1001, 1204: who says it, in which language ---- */

void put_context(report &r)
{
    const dcm_write_context &c = r.writer.context;
    char device_uid[65];
    sha256_uid("hilum device", c.device_serial, device_uid);
    r.tree.add_code(sr_tree::CONCEPT_MOD, dcm::LANGUAGE, dcm::ENGLISH);
    r.tree.add_code(sr_tree::OBS_CONTEXT, dcm::OBSERVER_TYPE, dcm::DEVICE);
    r.tree.add_uid(sr_tree::OBS_CONTEXT, dcm::DEVICE_UID, device_uid);
    r.tree.add_text(sr_tree::OBS_CONTEXT, dcm::DEVICE_NAME, r.writer.description);
    r.tree.add_text(sr_tree::OBS_CONTEXT, dcm::DEVICE_MANUFACTURER, "Hilum");
    r.tree.add_text(sr_tree::OBS_CONTEXT, dcm::DEVICE_MODEL, "Hilum");
    r.tree.add_text(sr_tree::OBS_CONTEXT, dcm::DEVICE_SERIAL, c.device_serial);
    if (dcm::is_given(r.found.procedure))
        r.tree.add_code(sr_tree::CONCEPT_MOD, dcm::PROCEDURE_REPORTED, r.found.procedure);
}

/* ---- TID 1600: the images ---- */

void put_acquisition(report &r)
{
    const series &source = *r.writer.context.series;
    const plane_facts &plane = source.frames[0].plane;
    const code *modality = dcm::modality_code(source.modality);
    if (!modality)
        return;
    sr_tree &tree = r.tree;
    tree.add_code(sr_tree::ACQ_CONTEXT, dcm::MODALITY, *modality);
    if (dcm::is_given(r.found.target_region))
        tree.add_code(sr_tree::ACQ_CONTEXT, dcm::TARGET_REGION, r.found.target_region);
    tree.add_uid(sr_tree::ACQ_CONTEXT, dcm::FRAME_OF_REFERENCE,
                 r.writer.frame_of_reference_uid);
    tree.add_number(sr_tree::ACQ_CONTEXT, dcm::PIXEL_ROWS, static_cast<double>(source.ny),
                    dcm::PIXELS);
    tree.add_number(sr_tree::ACQ_CONTEXT, dcm::PIXEL_COLUMNS,
                    static_cast<double>(source.nx), dcm::PIXELS);
    tree.add_number(sr_tree::ACQ_CONTEXT, dcm::SPACING_X, plane.spacing_mm[1],
                    dcm::MILLIMETER);
    tree.add_number(sr_tree::ACQ_CONTEXT, dcm::SPACING_Y, plane.spacing_mm[0],
                    dcm::MILLIMETER);
    if (plane.thickness_mm > 0)
        tree.add_number(sr_tree::ACQ_CONTEXT, dcm::SLICE_THICKNESS, plane.thickness_mm,
                        dcm::MILLIMETER);
}

void put_images(report &r, const code *concept, const std::vector<size_t> &frames)
{
    for (size_t frame : frames) {
        const series_frame &f = r.writer.context.series->frames[frame];
        r.tree.add_image(concept, f.sop_class, f.sop_uid,
                         static_cast<size_t>(f.frame_number), 0);
    }
}

void put_library(report &r)
{
    r.tree.open_container(dcm::IMAGE_LIBRARY, "1600");
    r.tree.open_container(dcm::IMAGE_LIBRARY_GROUP);
    put_acquisition(r);
    put_images(r, nullptr, dcm::frame_of_positions(r.writer));
    r.tree.close();
    r.tree.close();
}

/* ---- TID 1411 and 1501: measurement groups ---- */

void put_site(report &r, const code &site, const code &laterality)
{
    if (!dcm::is_given(site))
        return;
    r.tree.open_code(sr_tree::CONCEPT_MOD, dcm::FINDING_SITE, site);
    if (dcm::is_given(laterality))
        r.tree.add_code(sr_tree::CONCEPT_MOD, dcm::LATERALITY, laterality);
    r.tree.close();
}

/* A number, with what tells it from others of its concept: the finding whose it is when
 * its group does not say so, and a modifier. */
void put_number(report &r, const code &concept, double value, const code &unit,
                const code &modifier, const code &finding = {})
{
    const std::string parameters = dcm::algorithm_parameters(r.writer);
    sr_tree &tree = r.tree;
    tree.open_number(sr_tree::CONTAINS, concept, value, unit);
    if (dcm::is_given(finding))
        tree.add_code(sr_tree::CONCEPT_MOD, dcm::FINDING, finding);
    if (dcm::is_given(modifier))
        tree.add_code(sr_tree::CONCEPT_MOD, dcm::STATEMENT_MODIFIER, modifier);
    tree.add_text(sr_tree::CONCEPT_MOD, dcm::ALGORITHM_NAME,
                  std::string("Hilum ") + r.found.analysis);
    tree.add_text(sr_tree::CONCEPT_MOD, dcm::ALGORITHM_VERSION, r.found.version);
    if (!parameters.empty())
        tree.add_text(sr_tree::CONCEPT_MOD, dcm::ALGORITHM_PARAMETERS, parameters);
    tree.close();
}

void put_measurement(report &r, const struct result_measurement &m,
                     const code &finding = {})
{
    put_number(r, m.concept, m.value, m.ucum, m.modifier, finding);
}

/* All measurements of a segment, or of none (-1); its volume when there are none. */
void put_segment_measurements(report &r, int segment, size_t others, const code &finding)
{
    size_t n = others;
    for (size_t i = 0; i < r.found.measurements.count; i++) {
        const struct result_measurement &m = r.found.measurements.items[i];
        if (m.segment != segment)
            continue;
        put_measurement(r, m, finding);
        n++;
    }
    if (n == 0 && segment >= 0)
        put_number(r, dcm::VOLUME,
                   static_cast<double>(r.found.segments.items[segment].voxels)
                       * grid_voxel_ml(r.found.grid),
                   dcm::MILLILITER, {}, finding);
}

void open_group(report &r, const char *name, const code &finding)
{
    r.tree.open_container(dcm::MEASUREMENT_GROUP, r.has_seg ? "1411" : "1501");
    r.tree.add_text(sr_tree::OBS_CONTEXT, dcm::TRACKING_ID, name);
    r.tree.add_uid(sr_tree::OBS_CONTEXT, dcm::TRACKING_UID,
                   dcm::tracking_uid(r.writer, name));
    if (dcm::is_given(finding))
        r.tree.add_code(sr_tree::CONTAINS, dcm::FINDING, finding);
}

void put_method(report &r)
{
    if (dcm::is_given(r.found.method))
        r.tree.add_code(sr_tree::CONCEPT_MOD, dcm::MEASUREMENT_METHOD, r.found.method);
}

/* Where a segment was drawn: the series, or the images when there are several series. */
void put_segment_source(report &r, size_t segment)
{
    const series &source = *r.writer.context.series;
    const size_t *own = r.found.segments.items[segment].source_frames;
    if (source.series_count == 1)
        r.tree.add_uid(sr_tree::CONTAINS, dcm::SOURCE_SERIES, source.series_uids[0]);
    else if (own)
        put_images(r, &dcm::SOURCE_IMAGE,
                   std::vector<size_t>(own, own + r.found.grid->nz));
    else
        put_images(r, &dcm::SOURCE_IMAGE, dcm::frame_of_slices(r.found));
}

void put_segment_reference(report &r, size_t segment)
{
    r.tree.add_image(&dcm::REFERENCED_SEGMENT, UID_SegmentationStorage,
                     dcm::object_uid(r.writer, "seg"), 0, r.segment_number(segment));
    put_segment_source(r, segment);
}

const result_finding *finding_of(const result &result, size_t segment)
{
    for (size_t i = 0; i < result.findings.count; i++) {
        if (result.findings.items[i].segment == static_cast<int>(segment))
            return &result.findings.items[i];
    }
    return nullptr;
}

void put_segment_group(report &r, size_t s)
{
    const result_segment &segment = r.found.segments.items[s];
    const result_finding *finding = finding_of(r.found, s);
    open_group(r, segment.name, finding ? finding->code : segment.type);
    put_method(r);
    if (finding && dcm::is_given(finding->site))
        put_site(r, finding->site, finding->laterality);
    else
        put_site(r,
                 dcm::is_given(segment.anatomy) ? segment.anatomy : r.found.finding_site,
                 segment.laterality);
    if (r.is_in_seg(s))
        put_segment_reference(r, s);
    const size_t others = finding ? finding->measurements.count : 0;
    for (size_t i = 0; i < others; i++)
        put_measurement(r, finding->measurements.items[i]);
    put_segment_measurements(r, static_cast<int>(s), others, {});
    r.tree.close();
}

/* A finding's place: a viewer that does not show the SEG can go there. */
void put_finding_group(report &r, const result_finding &finding)
{
    const bool is_outlined = finding.segment >= 0;
    const std::string &frame_of_reference = r.writer.frame_of_reference_uid;
    double diameter_mm = finding.diameter_mm;
    if (!(diameter_mm > 0)) // spacing between columns: a voxel
        diameter_mm = r.writer.context.series->frames[0].plane.spacing_mm[1];
    open_group(r,
               is_outlined ? r.found.segments.items[finding.segment].name : finding.name,
               finding.code);
    put_site(r, finding.site, finding.laterality);
    if (r.has_seg) {
        r.tree.add_sphere(dcm::VOLUME_SURFACE, finding.center_mm, diameter_mm,
                          frame_of_reference);
        r.tree.add_uid(sr_tree::CONTAINS, dcm::SOURCE_SERIES,
                       r.writer.context.series->series_uids[0]);
    }
    const size_t n = is_outlined ? 0 : finding.measurements.count;
    for (size_t i = 0; i < n; i++)
        put_measurement(r, finding.measurements.items[i]);
    if (r.has_seg && n == 0)
        put_number(r, dcm::DIAMETER, diameter_mm, dcm::MILLIMETER, {});
    if (!r.has_seg)
        r.tree.add_point(dcm::CENTER, finding.center_mm, frame_of_reference);
    r.tree.close();
}

size_t largest_segment(const result &result)
{
    size_t largest = 0;
    for (size_t s = 1; s < result.segments.count; s++) {
        if (result.segments.items[s].voxels > result.segments.items[largest].voxels)
            largest = s;
    }
    return largest;
}

bool has_general_measurements(const report &r)
{
    bool is_any = false;
    for (size_t i = 0; i < r.found.measurements.count; i++)
        is_any = is_any || r.found.measurements.items[i].segment < 0;
    for (size_t s = 0; r.has_seg && s < r.found.segments.count; s++)
        is_any = is_any || !r.is_in_seg(s);
    return is_any;
}

/* What belongs to no segment of the SEG. The group says on which region it stands with the
 * largest segment, because TID 1411 wants one and PixelMed's validator takes all groups of
 * a report for TID 1411 when one is. */
void put_general_group(report &r)
{
    open_group(r, r.found.analysis, {});
    put_method(r);
    put_site(r, r.found.finding_site, {});
    if (r.has_seg)
        put_segment_reference(r, largest_segment(r.found));
    put_segment_measurements(r, -1, 0, {});
    for (size_t s = 0; r.has_seg && s < r.found.segments.count; s++) {
        if (!r.is_in_seg(s))
            put_segment_measurements(r, static_cast<int>(s), 0,
                                     r.found.segments.items[s].type);
    }
    r.tree.close();
}

void put_measurements(report &r)
{
    const bool is_general = has_general_measurements(r);
    if (r.found.status != RESULT_OK
        || (!is_general && !r.found.segments.count && !r.found.findings.count))
        return;
    r.tree.open_container(dcm::IMAGING_MEASUREMENTS);
    for (size_t s = 0; s < r.found.segments.count; s++) {
        if (!r.has_seg || r.is_in_seg(s))
            put_segment_group(r, s);
    }
    if (is_general)
        put_general_group(r);
    for (size_t i = 0; i < r.found.findings.count; i++)
        put_finding_group(r, r.found.findings.items[i]);
    r.tree.close();
}

/* ---- qualitative evaluations ---- */

bool has_findings(const result &result)
{
    for (size_t s = 0; s < result.segments.count; s++) {
        if (result.segments.items[s].voxels)
            return true;
    }
    for (size_t i = 0; i < result.findings.count; i++) {
        if (!result.findings.items[i].is_landmark)
            return true;
    }
    return false;
}

/* A check as code (its verdict, CID 7036) and text (what was seen). */
void put_check(report &r, const result_check &check)
{
    static const code *const VERDICTS[] = {
        &dcm::QUALITY_DIAGNOSTIC, &dcm::QUALITY_LIMITED, &dcm::QUALITY_NON_DIAGNOSTIC};
    r.tree.add_code(sr_tree::CONTAINS, dcm::QUALITY_FINDING, *VERDICTS[check.verdict]);
    r.tree.add_text(sr_tree::CONTAINS, dcm::QUALITY_FINDING,
                    std::string(check.check) + " (" + verdict_name(check.verdict)
                        + "): " + check.text);
}

void put_evaluations(report &r)
{
    const bool is_ok = r.found.status == RESULT_OK;
    r.tree.open_container(dcm::QUALITATIVE_EVALUATIONS);
    r.tree.add_code(sr_tree::CONTAINS, dcm::PROCESSING_SUMMARY,
                    !is_ok                  ? dcm::NOT_ANALYSED
                    : has_findings(r.found) ? dcm::WITH_FINDINGS
                                            : dcm::WITHOUT_FINDINGS);
    if (!is_ok)
        r.tree.add_text(sr_tree::CONTAINS, dcm::COMMENT,
                        std::string(r.found.title)
                            + " could not be analysed: " + r.found.reason);
    for (size_t s = 0; is_ok && s < r.found.segments.count; s++) {
        const result_segment &segment = r.found.segments.items[s];
        r.tree.add_code(sr_tree::CONTAINS, segment.type,
                        segment.voxels ? dcm::PRESENT : dcm::ABSENT);
    }
    for (size_t i = 0; i < r.found.checks.count; i++)
        put_check(r, r.found.checks.items[i]);
    r.tree.add_text(sr_tree::CONTAINS, dcm::COMMENT,
                    "Automatic result - not for primary diagnosis unless verified.");
    r.tree.close();
}

/* ---- the document around the tree (PS3.3 C.17.1, C.17.2) ---- */

std::string text_of(DcmItem &from, const DcmTagKey &tag)
{
    OFString text;
    from.findAndGetOFStringArray(tag, text);
    return text.c_str();
}

/* An item of Referenced Request Sequence for each request that the source names. */
void put_requests(DcmDataset &to)
{
    DcmItem *request = nullptr;
    for (int i = 0;
         to.findAndGetSequenceItem(DCM_RequestAttributesSequence, request, i).good();
         i++) {
        DcmItem &item = dcm::add_item(to, DCM_ReferencedRequestSequence);
        dcm::put(item, DCM_StudyInstanceUID, text_of(to, DCM_StudyInstanceUID));
        dcm::put(item, DCM_AccessionNumber, text_of(to, DCM_AccessionNumber));
        for (const DcmTagKey &tag :
             {DCM_PlacerOrderNumberImagingServiceRequest,
              DCM_FillerOrderNumberImagingServiceRequest, DCM_RequestedProcedureID,
              DCM_RequestedProcedureDescription})
            dcm::put(item, tag, text_of(*request, tag));
        for (const DcmTagKey &tag :
             {DCM_ReferencedStudySequence, DCM_RequestedProcedureCodeSequence,
              DCM_IssuerOfAccessionNumberSequence}) {
            DcmElement *sequence = nullptr;
            if (request->findAndGetElement(tag, sequence).good() && sequence->getVM() > 0)
                dcm::check(item.insert(static_cast<DcmElement *>(sequence->clone())),
                           tag);
            else if (tag != DCM_IssuerOfAccessionNumberSequence)
                dcm::put_empty_sequence(item, tag);
        }
    }
    delete to.remove(DCM_RequestAttributesSequence);
}

void put_instance(DcmItem &study, const std::string &sop_class, const std::string &uid)
{
    DcmItem &series = dcm::add_item(study, DCM_ReferencedSeriesSequence);
    dcm::put(series, DCM_SeriesInstanceUID, dcm::series_uid(uid));
    DcmItem &reference = dcm::add_item(series, DCM_ReferencedSOPSequence);
    dcm::put(reference, DCM_ReferencedSOPClassUID, sop_class);
    dcm::put(reference, DCM_ReferencedSOPInstanceUID, uid);
}

void put_document(const report &r, DcmDataset &to)
{
    const std::string study_uid = text_of(to, DCM_StudyInstanceUID);
    for (const DcmTagKey &tag :
         {DCM_BodyPartExamined, DCM_Laterality, DCM_AnatomicRegionSequence})
        delete to.remove(tag); // of images
    put_requests(to);
    dcm::put_empty_sequence(to, DCM_ReferencedPerformedProcedureStepSequence);
    dcm::put(to, DCM_CompletionFlag, "COMPLETE");
    dcm::put(to, DCM_VerificationFlag, "UNVERIFIED");
    dcm::put(to, DCM_PreliminaryFlag, "PRELIMINARY");
    dcm::put_empty_sequence(to, DCM_PerformedProcedureCodeSequence);

    DcmItem &study = dcm::add_item(to, DCM_CurrentRequestedProcedureEvidenceSequence);
    dcm::put(study, DCM_StudyInstanceUID, study_uid);
    dcm::put_evidence_series(r.writer, study);
    if (r.has_seg)
        put_instance(study, UID_SegmentationStorage, dcm::object_uid(r.writer, "seg"));

    if (r.writer.context.supersedes) {
        DcmItem &before = dcm::add_item(to, DCM_PredecessorDocumentsSequence);
        dcm::put(before, DCM_StudyInstanceUID, study_uid);
        put_instance(before, UID_Comprehensive3DSRStorage, r.writer.context.supersedes);
    }
}

int write_sr(dcm_writer &writer, bool has_seg, const char *path, err *err)
{
    DcmDataset to;
    const dcm::object object = {"sr", UID_Comprehensive3DSRStorage, "SR", 0, "report"};
    sr_tree tree(dcm::MEASUREMENT_REPORT, "1500");
    report r = {writer, *writer.context.result, tree, has_seg};
    dcm::start(writer, object, to);
    put_document(r, to);
    put_context(r);
    put_library(r);
    put_measurements(r);
    put_evaluations(r);
    tree.write(to);
    return dcm::finish(to, path, err);
}

} // namespace

int dcm_write_sr(dcm_writer *writer, bool has_seg, const char *path, err *err)
{
    return dcm::guard(err, [&] { return write_sr(*writer, has_seg, path, err); });
}
