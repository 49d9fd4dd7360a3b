#include "scp/dcm/write_context.hh"

#include "base/err.h"
#include "base/file.h"
#include "base/sha256.h"
#include "scp/dcm/net.hh"
#include "scp/dcm/part10.hh"
#include "scp/text.h"

#include <cctype>
#include <cstdlib>
#include <ctime>
#include <memory>
#include <vector>

#include <dcmtk/dcmdata/dcostrmb.h>

namespace
{

struct rule {
    DcmTagKey tag;
    bool is_required; // type 2: written empty when the source lacks it
};

// Patient (PS3.3 C.7.1.1), General Study (C.7.2.1) and Patient Study (C.7.2.2).
const rule PATIENT_STUDY[] = {
    {DCM_PatientName, true},
    {DCM_PatientID, true},
    {DCM_IssuerOfPatientID, false},
    {DCM_IssuerOfPatientIDQualifiersSequence, false},
    {DCM_OtherPatientIDsSequence, false},
    {DCM_PatientBirthDate, true},
    {DCM_PatientBirthTime, false},
    {DCM_PatientSex, true},
    {DCM_OtherPatientNames, false},
    {DCM_PatientComments, false},
    {DCM_ReferencedPatientSequence, false},
    {DCM_PatientSpeciesDescription, false},
    {DCM_PatientSpeciesCodeSequence, false},
    {DCM_PatientBreedDescription, false},
    {DCM_PatientBreedCodeSequence, false},
    {DCM_BreedRegistrationSequence, false},
    {DCM_ResponsiblePerson, false},
    {DCM_ResponsiblePersonRole, false},
    {DCM_ResponsibleOrganization, false},
    {DCM_PatientIdentityRemoved, false},
    {DCM_DeidentificationMethod, false},
    {DCM_DeidentificationMethodCodeSequence, false},
    {DCM_StudyInstanceUID, true},
    {DCM_StudyDate, true},
    {DCM_StudyTime, true},
    {DCM_ReferringPhysicianName, true},
    {DCM_ReferringPhysicianIdentificationSequence, false},
    {DCM_StudyID, true},
    {DCM_AccessionNumber, true},
    {DCM_IssuerOfAccessionNumberSequence, false},
    {DCM_StudyDescription, false},
    {DCM_PhysiciansOfRecord, false},
    {DCM_ProcedureCodeSequence, false},
    {DCM_ReferencedStudySequence, false},
    {DCM_RequestingService, false},
    {DCM_AdmittingDiagnosesDescription, false},
    {DCM_AdmittingDiagnosesCodeSequence, false},
    {DCM_PatientAge, false},
    {DCM_PatientSize, false},
    {DCM_PatientWeight, false},
    {DCM_PatientSexNeutered, false},
    {DCM_AdmissionID, false},
    {DCM_IssuerOfAdmissionIDSequence, false},
    {DCM_TimezoneOffsetFromUTC, false},
};

// What the source's series says of the request (C.7.3.1) and of the body.
const rule SERIES[] = {
    {DCM_RequestAttributesSequence, false},
    {DCM_ReferencedPerformedProcedureStepSequence, false},
    {DCM_BodyPartExamined, false},
    {DCM_Laterality, false},
    {DCM_AnatomicRegionSequence, false},
};

/* ---- copying ---- */

std::string text_of(DcmItem &from, const DcmTagKey &tag)
{
    const char *text = nullptr;
    return from.findAndGetString(tag, text).good() && text ? text : "";
}

/* All values of a multi-valued attribute, in their own bytes. */
std::string charset_of(DcmItem &from, const std::string &inherited)
{
    return from.tagExists(DCM_SpecificCharacterSet)
               ? text_of(from, DCM_SpecificCharacterSet)
               : inherited;
}

void copy_text(DcmElement &from, const std::string &charset, DcmItem &to)
{
    char *raw = nullptr;
    if (from.getString(raw).bad() || !raw)
        raw = nullptr;
    std::vector<char> utf8(raw ? std::strlen(raw) * 4 + 1 : 1);
    if (raw)
        text_to_utf8(charset.c_str(), raw, std::strlen(raw), utf8.data(), utf8.size());
    dcm::put(to, from.getTag(), utf8.data());
}

/* Depth is bounded by the scan that passed the file. */
void copy_element(DcmElement &from, const std::string &charset, DcmItem &to)
{
    const DcmTag &tag = from.getTag();
    if (tag.isPrivate() || tag == DCM_SpecificCharacterSet || tag.getElement() == 0)
        return;
    if (from.ident() == EVR_SQ) {
        auto &sequence = static_cast<DcmSequenceOfItems &>(from);
        dcm::put_empty_sequence(to, tag);
        for (unsigned long i = 0; i < sequence.card(); i++) {
            DcmItem &source = *sequence.getItem(i);
            DcmItem &item = dcm::add_item(to, tag);
            for (unsigned long k = 0; k < source.card(); k++)
                copy_element(*source.getElement(k), charset_of(source, charset), item);
        }
    } else if (from.isAffectedBySpecificCharacterSet()) {
        copy_text(from, charset, to);
    } else {
        auto *copy = static_cast<DcmElement *>(from.clone());
        const OFCondition cond = to.insert(copy, OFTrue);
        if (cond.bad())
            delete copy;
        dcm::check(cond, tag);
    }
}

template <size_t N> void copy(DcmItem &from, const rule (&rules)[N], DcmItem &to)
{
    const std::string charset = charset_of(from, "");
    for (const rule &rule : rules) {
        DcmElement *element = nullptr;
        // A sequence without items is as good as none, and often not allowed.
        if (from.findAndGetElement(rule.tag, element).good()
            && (element->ident() != EVR_SQ || element->getLength() > 0))
            copy_element(*element, charset, to);
        else if (rule.is_required)
            dcm::put(to, rule.tag, "");
    }
}

/* ---- time ---- */

/* Seconds that "+0900" is east of UTC. */
bool parse_zone(const std::string &zone, long *ret_s)
{
    if (zone.size() < 5 || (zone[0] != '+' && zone[0] != '-'))
        return false;
    const long digits = std::strtol(zone.c_str() + 1, nullptr, 10);
    const long s = digits / 100 * 3600 + digits % 100 * 60;
    *ret_s = zone[0] == '-' ? -s : s;
    return true;
}

/* Times in DICOM are local: those of the source's zone when it names one, else of ours. */
void set_times(dcm_writer &writer)
{
    const std::string zone = text_of(writer.patient_study, DCM_TimezoneOffsetFromUTC);
    auto seconds = static_cast<time_t>(writer.context.created_s);
    long east_s = 0;
    std::tm parts = {};
    if (parse_zone(zone, &east_s)) {
        seconds += east_s;
        gmtime_r(&seconds, &parts);
    } else {
        localtime_r(&seconds, &parts);
    }
    char text[32];
    std::strftime(text, sizeof(text), "%Y%m%d", &parts);
    writer.date = text;
    std::strftime(text, sizeof(text), "%H%M%S", &parts);
    writer.time = text;
}

/* ---- the writer ---- */

/* A source without a frame of reference gets one that its results share: they cannot be
 * written without. */
std::string frame_of_reference(const series &series)
{
    if (series.frame_of_reference_uid[0])
        return series.frame_of_reference_uid;
    char uid[65];
    sha256_uid(series.series_count ? series.series_uids[0] : series.study_uid,
               "frame of reference", uid);
    return uid;
}

void read_source(dcm_writer &writer)
{
    DcmFileFormat file;
    const OFCondition cond =
        file.loadFileUntilTag(writer.context.source_path, EXS_Unknown, EGL_noChange,
                              DCM_MaxReadLength, ERM_autoDetect, DCM_PixelData);
    if (cond.bad())
        throw dcm::failure(ERR_FORMAT, std::string("source: ") + cond.text());
    DcmDataset &source = *file.getDataset();
    if (text_of(source, DCM_StudyInstanceUID).empty())
        throw dcm::failure(ERR_FORMAT, "source: StudyInstanceUID is missing");
    copy(source, PATIENT_STUDY, writer.patient_study);
    copy(source, SERIES, writer.series);
    writer.position_indicator = text_of(source, DCM_PositionReferenceIndicator);
}

} // namespace

int dcm_writer_create(const dcm_write_context *context, dcm_writer **ret, err *err)
{
    if (!context->device_serial[0])
        return err_set(err, ERR_FORMAT, "DeviceSerialNumber: the installation has none");
    return dcm::guard(err, [&] {
        auto writer = std::make_unique<dcm_writer>();
        writer->context = *context;
        read_source(*writer);
        set_times(*writer);
        writer->frame_of_reference_uid = frame_of_reference(*context->series);
        writer->description = std::string("Hilum ") + context->software_version + ", "
                              + context->result->analysis + " "
                              + context->result->version;
        *ret = writer.release();
        return 0;
    });
}

void dcm_writer_destroy(dcm_writer *writer)
{
    delete writer;
}

void dcm_write_uid(const char *uid_seed, const char *object, char *ret)
{
    sha256_uid(uid_seed, object, ret);
}

std::string dcm::object_uid(const dcm_writer &writer, const std::string &name)
{
    char uid[65];
    dcm_write_uid(writer.context.uid_seed, name.c_str(), uid);
    return uid;
}

std::string dcm::series_uid(const std::string &sop_uid)
{
    char uid[65];
    sha256_uid(sop_uid.c_str(), "series", uid);
    return uid;
}

std::string dcm::tracking_uid(const dcm_writer &writer, const std::string &name)
{
    return object_uid(writer, "tracking-" + name);
}

std::string dcm::algorithm_parameters(const dcm_writer &writer)
{
    const dcm_write_context &c = writer.context;
    std::string text;
    if (c.model)
        text = std::string("model ") + c.model;
    if (c.model && c.precision)
        text += std::string(", precision ") + c.precision;
    return text;
}

std::string dcm::code_string(const std::string &name)
{
    std::string text = name.substr(0, 16);
    for (char &c : text)
        c = std::isalnum(static_cast<unsigned char>(c))
                ? static_cast<char>(std::toupper(static_cast<unsigned char>(c)))
                : '_';
    return text;
}

static void put_equipment(dcm_writer &writer, DcmDataset &to)
{
    const dcm_write_context &c = writer.context;
    dcm::put(to, DCM_Manufacturer, "Hilum");
    dcm::put(to, DCM_ManufacturerModelName, "Hilum");
    dcm::put(to, DCM_DeviceSerialNumber, c.device_serial);
    dcm::put(
        to, DCM_SoftwareVersions,
        std::string(c.software_version) + "\\"
            + dcm::cut(std::string(c.result->analysis) + " " + c.result->version, 64));
}

void dcm::start(dcm_writer &writer, const object &object, DcmDataset &to)
{
    const dcm_write_context &c = writer.context;
    for (DcmDataset *from : {&writer.patient_study, &writer.series}) {
        for (unsigned long i = 0; i < from->card(); i++)
            copy_element(*from->getElement(i), "ISO_IR 192", to);
    }
    put(to, DCM_SpecificCharacterSet, "ISO_IR 192");
    const std::string uid = object_uid(writer, object.name);
    put(to, DCM_SOPClassUID, object.sop_class);
    put(to, DCM_SOPInstanceUID, uid);
    put(to, DCM_InstanceCreationDate, writer.date);
    put(to, DCM_InstanceCreationTime, writer.time);
    put(to, DCM_Modality, object.modality);
    put(to, DCM_SeriesInstanceUID, series_uid(uid));
    put(to, DCM_SeriesNumber, std::to_string(c.series_number + object.series_offset));
    put(to, DCM_SeriesDescription,
        cut(std::string(c.result->title) + " " + object.label, 64));
    put(to, DCM_SeriesDate, writer.date);
    put(to, DCM_SeriesTime, writer.time);
    put(to, DCM_ContentDate, writer.date);
    put(to, DCM_ContentTime, writer.time);
    put(to, DCM_InstanceNumber, "1");
    put_equipment(writer, to);
}

void dcm::put_image(dcm_writer &writer, const std::string &image_type, DcmDataset &to)
{
    put(to, DCM_ImageType, image_type);
    put(to, DCM_DerivationDescription, writer.description);
}

void dcm::put_laterality(DcmDataset &to)
{
    if (!to.tagExists(DCM_Laterality) && !to.tagExists(DCM_BodyPartExamined)
        && !to.tagExists(DCM_AnatomicRegionSequence))
        put(to, DCM_Laterality, "");
}

int dcm::finish(DcmDataset &from, const char *path, err *err)
{
    const E_TransferSyntax syntax = EXS_LittleEndianExplicit;
    const std::string head = part10_head(text_of(from, DCM_SOPClassUID).c_str(),
                                         text_of(from, DCM_SOPInstanceUID).c_str(),
                                         UID_LittleEndianExplicitTransferSyntax, "");
    const size_t size = from.calcElementLength(syntax, EET_ExplicitLength);
    std::vector<char> bytes(head.size() + size + 16);
    std::memcpy(bytes.data(), head.data(), head.size());

    DcmOutputBufferStream stream(bytes.data() + head.size(), bytes.size() - head.size());
    from.transferInit();
    const OFCondition cond =
        from.write(stream, syntax, EET_ExplicitLength, nullptr, EGL_withoutGL);
    from.transferEnd();
    if (cond.bad())
        return fail(err, cond, "writing");
    void *start = nullptr;
    offile_off_t written = 0;
    stream.flushBuffer(start, written);
    return file_write(path, bytes.data(), head.size() + static_cast<size_t>(written),
                      err);
}
