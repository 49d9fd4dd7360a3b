#include "scp/dcm/sr_tree.hh"

#include "scp/dcm/item.hh"

namespace
{

constexpr int DIGITS = 7; // of a measured number: more than any measurement is good for

DSRCodedEntryValue coded(const code &code)
{
    return {code.value, code.scheme, dcm::cut(code.meaning, 64).c_str()};
}

/* Throw what dcmsr objects to, naming the concept. */
void expect(const OFCondition &cond, const code *concept)
{
    if (cond.bad())
        throw dcm::failure(ERR_FORMAT, std::string("ContentSequence, ")
                                           + (concept ? concept->meaning : "item") + ": "
                                           + cond.text());
}

} // namespace

dcm::sr_tree::sr_tree(const code &title, const char *template_id)
    : tree(DSRTypes::DT_Comprehensive3DSR)
{
    if (!tree.addContentItem(DSRTypes::RT_isRoot, DSRTypes::VT_Container))
        throw failure(ERR_FORMAT, "ContentSequence: no root");
    DSRContentItem &root = tree.getCurrentContentItem();
    expect(root.setConceptName(coded(title)), &title);
    expect(root.setTemplateIdentification(template_id, "DCMR"), &title);
}

DSRContentItem &dcm::sr_tree::open(relation relation, DSRTypes::E_ValueType type,
                                   const code *concept)
{
    if (!tree.addContentItem(relation, type, DSRTypes::AM_belowCurrent))
        throw failure(ERR_FORMAT, std::string("ContentSequence, ")
                                      + (concept ? concept->meaning : "item")
                                      + ": not allowed there");
    DSRContentItem &item = tree.getCurrentContentItem();
    if (concept)
        expect(item.setConceptName(coded(*concept)), concept);
    return item;
}

void dcm::sr_tree::open_container(const code &concept, const char *template_id)
{
    DSRContentItem &item = open(CONTAINS, DSRTypes::VT_Container, &concept);
    if (template_id)
        expect(item.setTemplateIdentification(template_id, "DCMR"), &concept);
}

void dcm::sr_tree::open_code(relation relation, const code &concept, const code &value)
{
    DSRContentItem &item = open(relation, DSRTypes::VT_Code, &concept);
    expect(item.setCodeValue(coded(value)), &concept);
}

void dcm::sr_tree::open_number(relation relation, const code &concept, double value,
                               const code &unit)
{
    DSRContentItem &item = open(relation, DSRTypes::VT_Num, &concept);
    const std::string text = decimal(value, DIGITS);
    expect(item.setNumericValue({text.c_str(), coded(unit)}), &concept);
}

void dcm::sr_tree::close()
{
    tree.goUp();
}

void dcm::sr_tree::add_code(relation relation, const code &concept, const code &value)
{
    open_code(relation, concept, value);
    close();
}

void dcm::sr_tree::add_text(relation relation, const code &concept,
                            const std::string &text)
{
    DSRContentItem &item = open(relation, DSRTypes::VT_Text, &concept);
    expect(item.setStringValue(text.c_str(), OFFalse), &concept);
    close();
}

void dcm::sr_tree::add_uid(relation relation, const code &concept, const std::string &uid)
{
    DSRContentItem &item = open(relation, DSRTypes::VT_UIDRef, &concept);
    // Of the source: some scanners begin a component with 0, and what names their images stands.
    expect(item.setStringValue(uid.c_str(), OFFalse), &concept);
    close();
}

void dcm::sr_tree::add_number(relation relation, const code &concept, double value,
                              const code &unit)
{
    open_number(relation, concept, value, unit);
    close();
}

void dcm::sr_tree::add_image(const code *concept, const std::string &sop_class,
                             const std::string &sop_uid, size_t frame, size_t segment)
{
    DSRContentItem &item = open(CONTAINS, DSRTypes::VT_Image, concept);
    DSRImageReferenceValue value(sop_class.c_str(), sop_uid.c_str(), OFFalse);
    if (frame > 0)
        value.getFrameList().addItem(static_cast<Sint32>(frame));
    if (segment > 0)
        value.getSegmentList().addItem(static_cast<Uint16>(segment));
    expect(item.setImageReference(value, OFFalse), concept);
    close();
}

void dcm::sr_tree::add_graphic(const code &concept, DSRSpatialCoordinates3DValue &graphic,
                               const std::string &frame_of_reference_uid)
{
    DSRContentItem &item = open(CONTAINS, DSRTypes::VT_SCoord3D, &concept);
    expect(graphic.setFrameOfReferenceUID(frame_of_reference_uid.c_str(), OFFalse),
           &concept);
    expect(item.setSpatialCoordinates3D(graphic, OFFalse), &concept);
    close();
}

void dcm::sr_tree::add_point(const code &concept, const double at_mm[3],
                             const std::string &frame_of_reference_uid)
{
    DSRSpatialCoordinates3DValue point(DSRTypes::GT3_Point);
    point.getGraphicDataList().addItem(static_cast<Float32>(at_mm[0]),
                                       static_cast<Float32>(at_mm[1]),
                                       static_cast<Float32>(at_mm[2]));
    add_graphic(concept, point, frame_of_reference_uid);
}

/* The ends of the three axes, PS3.3 C.18.9.1.2. */
void dcm::sr_tree::add_sphere(const code &concept, const double center_mm[3],
                              double diameter_mm,
                              const std::string &frame_of_reference_uid)
{
    DSRSpatialCoordinates3DValue sphere(DSRTypes::GT3_Ellipsoid);
    for (int axis = 0; axis < 3; axis++) {
        for (const double sign : {-0.5, 0.5}) {
            Float32 at[3];
            for (int k = 0; k < 3; k++)
                at[k] = static_cast<Float32>(center_mm[k]
                                             + (k == axis ? sign * diameter_mm : 0));
            sphere.getGraphicDataList().addItem(at[0], at[1], at[2]);
        }
    }
    add_graphic(concept, sphere, frame_of_reference_uid);
}

void dcm::sr_tree::write(DcmDataset &to)
{
    expect(tree.write(to), nullptr);
}
