#include "scp/dcm/write_context.hh"

#include <cassert>

namespace
{

constexpr size_t SIDE_MAX = 65535; // Rows and Columns are US

void put_pixels(const result_page &page, DcmDataset &to)
{
    dcm::put(to, DCM_SamplesPerPixel, "3");
    dcm::put(to, DCM_PhotometricInterpretation, "RGB");
    dcm::put(to, DCM_PlanarConfiguration, "0");
    dcm::put(to, DCM_Rows, page.height);
    dcm::put(to, DCM_Columns, page.width);
    dcm::put(to, DCM_BitsAllocated, "8");
    dcm::put(to, DCM_BitsStored, "8");
    dcm::put(to, DCM_HighBit, "7");
    dcm::put(to, DCM_PixelRepresentation, "0");
    dcm::put(to, DCM_LossyImageCompression, "00");
    dcm::check(
        to.putAndInsertUint8Array(DCM_PixelData, page.rgb, page.width * page.height * 3),
        DCM_PixelData);
}

int write_page(dcm_writer &writer, size_t i, const char *path, err *err)
{
    const result_page &page = writer.context.result->pages.items[i];
    if (page.width > SIDE_MAX || page.height > SIDE_MAX)
        return err_set(err, ERR_FORMAT, "Rows: a page of %zu x %zu", page.width,
                       page.height);
    const dcm::object object = {std::string("page-") + page.name,
                                UID_SecondaryCaptureImageStorage, "OT",
                                2 + static_cast<int>(i), page.label};
    DcmDataset to;
    dcm::start(writer, object, to);
    dcm::put_image(writer, "DERIVED\\SECONDARY", to);
    dcm::put_laterality(to);
    dcm::put(to, DCM_PatientOrientation, "");
    dcm::put(to, DCM_ConversionType, "WSD");
    dcm::put(to, DCM_BurnedInAnnotation, "YES");
    put_pixels(page, to);
    return dcm::finish(to, path, err);
}

} // namespace

int dcm_write_page(dcm_writer *writer, size_t i, const char *path, err *err)
{
    assert(i < writer->context.result->pages.count);
    return dcm::guard(err, [&] { return write_page(*writer, i, path, err); });
}
