/* receive: what the services of an association share: C-STORE (receive.cc) and storage
 * commitment (commit.cc). */
#ifndef SCP_DCM_RECEIVE_HH
#define SCP_DCM_RECEIVE_HH

#include "scp/dcm/guard.hh"
#include "scp/dcm/patience.hh"
#include "scp/dcm/tls.hh"
#include "scp/dcm_receive.h"

#include <memory>
#include <string>

#include <dcmtk/dcmnet/assoc.h>
#include <dcmtk/dcmnet/dimse.h>

struct dcm_receiver {
    std::string spool;
    dcm_receive_conf conf;
    dcm_receive_hooks hooks;
    T_ASC_Network *network;
    unsigned long files; // temporary ones so far: names them
    dcm::patience patience;
    std::unique_ptr<DcmTLSTransportLayer> tls; // NULL: none
};

namespace dcm
{

/* How long the peer gets to close its connection at the end; DCMTK's own is 180 s. */
constexpr int CLOSE_TIMEOUT_S = 2;

struct association {
    dcm_receiver *receiver;
    T_ASC_Association *asc;
    int fd;
    dcm_receive_summary *sum;

    ~association()
    {
        receiver->patience.end();
        if (asc) {
            ASC_dropSCPAssociation(asc, CLOSE_TIMEOUT_S);
            ASC_destroyAssociation(&asc);
        }
    }
};

enum class spooled { whole, too_large, no_space, broken };

/** Read the data set that follows a command in context to its end, into a file of the spool
 * that is new, as Part 10; path names it, and is the caller's to remove in any case. What
 * cannot be kept is read on, so that it can be answered. */
spooled spool(association &a, const T_ASC_PresentationContext &context,
              const char *sop_class, const char *sop_uid, std::string &path);

/** Say why something was refused; gives status. */
uint16_t refuse(association &a, uint16_t status, const char *reason);

/** Serve an N-ACTION of storage commitment (PS3.4 J): what is held is told by an
 * N-EVENT-REPORT over the same association. False when the association is broken. */
bool serve_action(association &a, const T_DIMSE_N_ActionRQ &rq,
                  T_ASC_PresentationContextID id);

} // namespace dcm
#endif
