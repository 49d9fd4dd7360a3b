/* net: what receiving and sending share: transfer syntaxes, who we are. */
#ifndef SCP_DCM_NET_HH
#define SCP_DCM_NET_HH

#include "base/sha256.h"

#include <cstddef>
#include <cstring>

#include <dcmtk/config/osconfig.h>
#include <dcmtk/dcmdata/dctk.h>

namespace dcm
{

/** Transfer syntaxes that are received and sent as they are. */
constexpr const char *SYNTAXES[] = {
    UID_LittleEndianExplicitTransferSyntax,
    UID_LittleEndianImplicitTransferSyntax,
    UID_BigEndianExplicitTransferSyntax,
    UID_DeflatedExplicitVRLittleEndianTransferSyntax,
    UID_JPEGProcess1TransferSyntax,
    UID_JPEGProcess2_4TransferSyntax,
    UID_JPEGProcess14TransferSyntax,
    UID_JPEGProcess14SV1TransferSyntax,
    UID_JPEGLSLosslessTransferSyntax,
    UID_JPEGLSLossyTransferSyntax,
    UID_JPEG2000LosslessOnlyTransferSyntax,
    UID_JPEG2000TransferSyntax,
    UID_JPEG2000Part2MulticomponentImageCompressionLosslessOnlyTransferSyntax,
    UID_JPEG2000Part2MulticomponentImageCompressionTransferSyntax,
    UID_RLELosslessTransferSyntax,
    "1.2.840.10008.1.2.4.201", // HTJ2K lossless
    "1.2.840.10008.1.2.4.202", // HTJ2K lossless RPCL
    "1.2.840.10008.1.2.4.203", // HTJ2K
};

inline bool takes_syntax(const char *uid)
{
    for (const char *syntax : SYNTAXES) {
        if (std::strcmp(syntax, uid) == 0)
            return true;
    }
    return false;
}

constexpr const char *IMPLEMENTATION_VERSION = "HILUM_" HILUM_VERSION;

/** Our Implementation Class UID: always the same, from a fixed seed. */
inline void implementation_uid(char ret[65])
{
    sha256_uid("hilum", "implementation class", ret);
}

} // namespace dcm
#endif
