/*
 * sr_tree: the content tree of a Comprehensive 3D SR, built from the root down.
 *
 * An open_ function adds an item below the current one and makes it current until close();
 * the others add a leaf. dcmsr checks that each relationship is allowed between the two.
 */
#ifndef SCP_DCM_SR_TREE_HH
#define SCP_DCM_SR_TREE_HH

#include "base/code.h"
#include "scp/dcm/guard.hh"

#include <cstddef>
#include <string>

#include <dcmtk/dcmsr/dsrdoctr.h>

namespace dcm
{

class sr_tree
{
  public:
    using relation = DSRTypes::E_RelationshipType;
    static constexpr relation CONTAINS = DSRTypes::RT_contains;
    static constexpr relation OBS_CONTEXT = DSRTypes::RT_hasObsContext;
    static constexpr relation ACQ_CONTEXT = DSRTypes::RT_hasAcqContext;
    static constexpr relation CONCEPT_MOD = DSRTypes::RT_hasConceptMod;

    /** A tree with its root, a container of that title and template. */
    sr_tree(const code &title, const char *template_id);

    void open_container(const code &concept, const char *template_id = nullptr);
    void open_code(relation relation, const code &concept, const code &value);
    void open_number(relation relation, const code &concept, double value,
                     const code &unit);
    void close();

    void add_code(relation relation, const code &concept, const code &value);
    void add_text(relation relation, const code &concept, const std::string &text);
    void add_uid(relation relation, const code &concept, const std::string &uid);
    void add_number(relation relation, const code &concept, double value,
                    const code &unit);
    /** An image, contained; concept may be NULL; frame or segment 0: none. */
    void add_image(const code *concept, const std::string &sop_class,
                   const std::string &sop_uid, size_t frame, size_t segment);
    /** A sphere in patient space (LPS mm), contained, as an ellipsoid. */
    void add_sphere(const code &concept, const double center_mm[3], double diameter_mm,
                    const std::string &frame_of_reference_uid);
    /** A point in patient space (LPS mm), contained. */
    void add_point(const code &concept, const double at_mm[3],
                   const std::string &frame_of_reference_uid);

    /** Write the tree into a data set. */
    void write(DcmDataset &to);

  private:
    void add_graphic(const code &concept, DSRSpatialCoordinates3DValue &graphic,
                     const std::string &frame_of_reference_uid);
    DSRContentItem &open(relation relation, DSRTypes::E_ValueType type,
                         const code *concept);
    DSRDocumentTree tree;
};

} // namespace dcm
#endif
