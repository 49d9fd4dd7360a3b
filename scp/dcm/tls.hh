/* tls: a transport layer of DCMTK from struct dcm_tls. */
#ifndef SCP_DCM_TLS_HH
#define SCP_DCM_TLS_HH

#include "scp/dcm_tls.h"

#include <memory>

#include <dcmtk/config/osconfig.h>
#include <dcmtk/dcmtls/tlslayer.h>

namespace dcm
{

/** The layer for one role: NET_ACCEPTOR or NET_REQUESTOR. Throws failure ERR_CONFIG. */
std::unique_ptr<DcmTLSTransportLayer> make_layer(const dcm_tls &tls,
                                                 T_ASC_NetworkRole role);

} // namespace dcm
#endif
