/* part10: the head of a DICOM file in front of a data set that is stored as it arrived. */
#ifndef SCP_DCM_PART10_HH
#define SCP_DCM_PART10_HH

#include <string>

namespace dcm
{

/** Preamble, DICM and file meta information (PS3.10 7.1); source_ae may be "". */
std::string part10_head(const char *sop_class, const char *sop_uid, const char *syntax,
                        const char *source_ae);

} // namespace dcm
#endif
