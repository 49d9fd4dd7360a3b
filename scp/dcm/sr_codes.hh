/*
 * sr_codes: the coded concepts that our reports use (PS3.16). tests/golden looks each up in
 * the concept dictionary of pydicom.
 */
#ifndef SCP_DCM_SR_CODES_HH
#define SCP_DCM_SR_CODES_HH

#include "base/code.h"

#include <cstring>

namespace dcm
{

// The document and its observer: TID 1500, 1204, 1001.
inline constexpr code MEASUREMENT_REPORT = {"126000", "DCM",
                                            "Imaging Measurement Report"};
inline constexpr code LANGUAGE = {"121049", "DCM",
                                  "Language of Content Item and Descendants"};
inline constexpr code ENGLISH = {"en-US", "RFC5646", "English (United States)"};
inline constexpr code OBSERVER_TYPE = {"121005", "DCM", "Observer Type"};
inline constexpr code DEVICE = {"121007", "DCM", "Device"};
inline constexpr code DEVICE_UID = {"121012", "DCM", "Device Observer UID"};
inline constexpr code DEVICE_NAME = {"121013", "DCM", "Device Observer Name"};
inline constexpr code DEVICE_MANUFACTURER = {"121014", "DCM",
                                             "Device Observer Manufacturer"};
inline constexpr code DEVICE_MODEL = {"121015", "DCM", "Device Observer Model Name"};
inline constexpr code DEVICE_SERIAL = {"121016", "DCM", "Device Observer Serial Number"};
inline constexpr code PROCEDURE_REPORTED = {"121058", "DCM", "Procedure reported"};

// The image library: TID 1600, 1602, 1604.
inline constexpr code IMAGE_LIBRARY = {"111028", "DCM", "Image Library"};
inline constexpr code IMAGE_LIBRARY_GROUP = {"126200", "DCM", "Image Library Group"};
inline constexpr code MODALITY = {"121139", "DCM", "Modality"};
inline constexpr code TARGET_REGION = {"123014", "DCM", "Target Region"};
inline constexpr code FRAME_OF_REFERENCE = {"112227", "DCM", "Frame of Reference UID"};
inline constexpr code PIXEL_ROWS = {"110910", "DCM", "Pixel Data Rows"};
inline constexpr code PIXEL_COLUMNS = {"110911", "DCM", "Pixel Data Columns"};
inline constexpr code SPACING_X = {"111026", "DCM", "Horizontal Pixel Spacing"};
inline constexpr code SPACING_Y = {"111066", "DCM", "Vertical Pixel Spacing"};
inline constexpr code SLICE_THICKNESS = {"112225", "DCM", "Slice Thickness"};
inline constexpr code PIXELS = {"{pixels}", "UCUM", "pixels"};
inline constexpr code MILLIMETER = {"mm", "UCUM", "mm"};
inline constexpr code MILLILITER = {"ml", "UCUM", "ml"};

// Measurement groups: TID 1411, 1501, 300, 4019.
inline constexpr code IMAGING_MEASUREMENTS = {"126010", "DCM", "Imaging Measurements"};
inline constexpr code MEASUREMENT_GROUP = {"125007", "DCM", "Measurement Group"};
inline constexpr code TRACKING_ID = {"112039", "DCM", "Tracking Identifier"};
inline constexpr code TRACKING_UID = {"112040", "DCM", "Tracking Unique Identifier"};
inline constexpr code FINDING = {"121071", "DCM", "Finding"};
inline constexpr code FINDING_SITE = {"363698007", "SCT", "Finding Site"};
inline constexpr code LATERALITY = {"272741003", "SCT", "Laterality"};
inline constexpr code MEASUREMENT_METHOD = {"370129005", "SCT", "Measurement Method"};
inline constexpr code REFERENCED_SEGMENT = {"121191", "DCM", "Referenced Segment"};
inline constexpr code SOURCE_SERIES = {"121232", "DCM", "Source series for segmentation"};
inline constexpr code SOURCE_IMAGE = {"121233", "DCM", "Source image for segmentation"};
inline constexpr code CENTER = {"111010", "DCM", "Center"};
inline constexpr code VOLUME = {"118565006", "SCT", "Volume"};
inline constexpr code ALGORITHM_NAME = {"111001", "DCM", "Algorithm Name"};
inline constexpr code ALGORITHM_VERSION = {"111003", "DCM", "Algorithm Version"};
inline constexpr code ALGORITHM_PARAMETERS = {"111002", "DCM", "Algorithm Parameters"};
inline constexpr code STATEMENT_MODIFIER = {"122153", "DCM", "Statement Modifier"};
inline constexpr code VOLUME_SURFACE = {"121231", "DCM", "Volume Surface"};
inline constexpr code DIAMETER = {"81827009", "SCT", "Diameter"};

// Qualitative evaluations: CID 6047, 240, 7036.
inline constexpr code QUALITATIVE_EVALUATIONS = {"C0034375", "UMLS",
                                                 "Qualitative Evaluations"};
inline constexpr code PROCESSING_SUMMARY = {"111017", "DCM",
                                            "CAD Processing and Findings Summary"};
inline constexpr code WITH_FINDINGS = {"111242", "DCM",
                                       "All algorithms succeeded; with findings"};
inline constexpr code WITHOUT_FINDINGS = {"111241", "DCM",
                                          "All algorithms succeeded; without findings"};
inline constexpr code NOT_ANALYSED = {"111245", "DCM",
                                      "No algorithms succeeded; without findings"};
inline constexpr code COMMENT = {"121106", "DCM", "Comment"};
inline constexpr code PRESENT = {"52101004", "SCT", "Present"};
inline constexpr code ABSENT = {"272519000", "SCT", "Absent"};
inline constexpr code QUALITY_FINDING = {"111052", "DCM", "Quality Finding"};
inline constexpr code QUALITY_DIAGNOSTIC = {"RID12", "RADLEX", "Diagnostic quality"};
inline constexpr code QUALITY_LIMITED = {"RID13", "RADLEX", "Limited quality"};
inline constexpr code QUALITY_NON_DIAGNOSTIC = {"RID14", "RADLEX",
                                                "Non-diagnostic quality"};

/** CID 29: the code of a modality, or nullptr. */
inline const code *modality_code(const char *modality)
{
    static constexpr code MODALITIES[] = {
        {"CT", "DCM", "Computed Tomography"},
        {"MR", "DCM", "Magnetic Resonance"},
        {"PT", "DCM", "Positron emission tomography"},
        {"NM", "DCM", "Nuclear Medicine"},
    };
    for (const code &code : MODALITIES) {
        if (std::strcmp(code.value, modality) == 0)
            return &code;
    }
    return nullptr;
}

} // namespace dcm
#endif
