#include "scp/dcm/receive.hh"

#include "scp/dcm/guard.hh"
#include "scp/dcm/net.hh"
#include "scp/dcm/part10.hh"

#include <cerrno>
#include <cstdio>
#include <memory>
#include <string>

#include <arpa/inet.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

#include <dcmtk/dcmnet/assoc.h>
#include <dcmtk/dcmnet/dcmtrans.h>
#include <dcmtk/dcmnet/dimse.h>
#include <dcmtk/dcmnet/diutil.h>

namespace
{

using dcm::association;
using dcm::spooled;

/* How much more than its bound an instance may send before we hang up on it. */
constexpr int64_t DRAIN_BYTES = 64 << 20;

void set_timeout(int fd, int seconds)
{
    const timeval limit = {seconds, 0};
    setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof(limit));
    setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &limit, sizeof(limit));
}

/* The kernel disarms quick acknowledgement after use; without it a peer that keeps Nagle on
 * waits 40 ms a message. */
void acknowledge_quickly(int fd)
{
    const int on = 1;
    setsockopt(fd, IPPROTO_TCP, TCP_QUICKACK, &on, sizeof(on));
}

void name_address(int fd, char *ret, size_t size)
{
    sockaddr_storage address = {};
    socklen_t length = sizeof(address);
    ret[0] = '\0';
    if (getpeername(fd, reinterpret_cast<sockaddr *>(&address), &length) != 0)
        return;
    if (address.ss_family == AF_INET)
        inet_ntop(AF_INET, &reinterpret_cast<sockaddr_in *>(&address)->sin_addr, ret,
                  static_cast<socklen_t>(size));
    else if (address.ss_family == AF_INET6)
        inet_ntop(AF_INET6, &reinterpret_cast<sockaddr_in6 *>(&address)->sin6_addr, ret,
                  static_cast<socklen_t>(size));
}

/* ---- negotiation ---- */

bool takes_class(const dcm_receive_conf &conf, const char *uid)
{
    if (std::strcmp(uid, UID_VerificationSOPClass) == 0 || dcmIsaStorageSOPClassUID(uid)
        || std::strcmp(uid, UID_StorageCommitmentPushModelSOPClass) == 0)
        return true;
    // Private classes lie outside DICOM's own root.
    return conf.accept_private && std::strncmp(uid, "1.2.840.10008.", 14) != 0;
}

/* The first proposed transfer syntax that we take, so that data come as they are. */
void answer_context(association &a, const T_ASC_PresentationContext &context)
{
    T_ASC_Parameters *params = a.asc->params;
    const auto id = context.presentationContextID;
    if (!takes_class(a.receiver->conf, context.abstractSyntax)) {
        ASC_refusePresentationContext(params, id, ASC_P_ABSTRACTSYNTAXNOTSUPPORTED);
        return;
    }
    for (int i = 0; i < context.transferSyntaxCount; i++) {
        const char *syntax = context.proposedTransferSyntaxes[i];
        if (dcm::takes_syntax(syntax)) {
            ASC_acceptPresentationContext(params, id, syntax);
            return;
        }
    }
    ASC_refusePresentationContext(params, id, ASC_P_TRANSFERSYNTAXESNOTSUPPORTED);
}

void answer_contexts(association &a)
{
    const int count = ASC_countPresentationContexts(a.asc->params);
    for (int i = 0; i < count; i++) {
        T_ASC_PresentationContext context;
        if (ASC_getPresentationContext(a.asc->params, i, &context).good())
            answer_context(a, context);
    }
}

int reject(association &a, dcm_admit why, err *err)
{
    T_ASC_RejectParameters reason = {ASC_RESULT_REJECTEDPERMANENT, ASC_SOURCE_SERVICEUSER,
                                     ASC_REASON_SU_NOREASON};
    const char *text = "called AE title not recognised";
    if (why == DCM_REJECT_CALLED_AE)
        reason.reason = ASC_REASON_SU_CALLEDAETITLENOTRECOGNIZED;
    if (why == DCM_REJECT_CALLING_AE) {
        reason.reason = ASC_REASON_SU_CALLINGAETITLENOTRECOGNIZED;
        text = "calling AE title not recognised";
    }
    if (why == DCM_REJECT_BUSY) {
        reason = {ASC_RESULT_REJECTEDTRANSIENT,
                  ASC_SOURCE_SERVICEPROVIDER_PRESENTATION_RELATED,
                  ASC_REASON_SP_PRES_TEMPORARYCONGESTION};
        text = "busy";
    }
    ASC_rejectAssociation(a.asc, &reason);
    return err_set(err, ERR_PEER, "association rejected: %s", text);
}

int open_association(association &a, err *err)
{
    dcm_receiver *receiver = a.receiver;
    receiver->patience.begin(a.fd, receiver->conf.association_timeout_s);
    receiver->patience.expect_whole(receiver->conf.dimse_timeout_s);
    dcmExternalSocketHandle.set(a.fd);
    OFCondition cond = ASC_receiveAssociation(receiver->network, &a.asc,
                                              static_cast<long>(receiver->conf.pdu_bytes),
                                              nullptr, nullptr, a.sum->peer.is_encrypted);
    if (cond.bad())
        return err_set(err, ERR_PEER, "no association came about: %s", cond.text());

    dcm_peer &peer = a.sum->peer;
    ASC_getAPTitles(a.asc->params, peer.calling_ae, sizeof(peer.calling_ae),
                    peer.called_ae, sizeof(peer.called_ae), nullptr, 0);
    const dcm_admit admit = receiver->hooks.admit(receiver->hooks.ctx, &peer);
    if (admit != DCM_ADMIT)
        return reject(a, admit, err);

    answer_contexts(a);
    cond = ASC_acknowledgeAssociation(a.asc);
    if (cond.bad())
        return err_set(err, ERR_PEER, "acknowledge: %s", cond.text());
    a.sum->was_admitted = true;
    return 0;
}

/* ---- a data set to a file ---- */

/* Next fragment of the data set, reading PDUs as needed. */
OFCondition next_fragment(association &a, DUL_PDV *pdv)
{
    DUL_ASSOCIATIONKEY **key = &a.asc->DULassociation;
    OFCondition cond = DUL_NextPDV(key, pdv);
    if (cond.good())
        return cond;
    acknowledge_quickly(a.fd);
    cond = DUL_ReadPDVs(key, nullptr, DUL_NOBLOCK, a.receiver->conf.dimse_timeout_s);
    if (cond != DUL_PDATAPDUARRIVED)
        return cond.good() ? OFCondition(DUL_NETWORKCLOSED) : cond;
    return DUL_NextPDV(key, pdv);
}

bool write_all(int fd, const char *data, size_t size)
{
    while (size > 0) {
        const ssize_t n = write(fd, data, size);
        if (n < 0 && errno == EINTR)
            continue;
        if (n <= 0)
            return false;
        data += n;
        size -= static_cast<size_t>(n);
    }
    return true;
}

/* Read the data set of context id to its end, into file while that can take it. */
spooled spool_dataset(association &a, T_ASC_PresentationContextID id, int file,
                      int64_t head)
{
    const int64_t max = a.receiver->conf.limits.bytes_max;
    spooled state = file < 0 ? spooled::no_space : spooled::whole;
    int64_t bytes = head;
    for (;;) {
        DUL_PDV pdv;
        const OFCondition cond = next_fragment(a, &pdv);
        if (cond.bad() || pdv.presentationContextID != id
            || pdv.pdvType != DUL_DATASETPDV)
            return spooled::broken;
        bytes += static_cast<int64_t>(pdv.fragmentLength);
        if (state == spooled::whole && bytes > max)
            state = spooled::too_large;
        if (bytes > max + DRAIN_BYTES)
            return spooled::broken;
        if (state == spooled::whole
            && !write_all(file, static_cast<const char *>(pdv.data), pdv.fragmentLength))
            state = spooled::no_space;
        if (pdv.lastPDV) {
            a.sum->bytes += static_cast<uint64_t>(bytes);
            return state;
        }
    }
}

} // namespace

uint16_t dcm::refuse(association &a, uint16_t status, const char *reason)
{
    a.sum->refused++;
    if (a.receiver->hooks.refused)
        a.receiver->hooks.refused(a.receiver->hooks.ctx, &a.sum->peer, status, reason);
    return status;
}

spooled dcm::spool(association &a, const T_ASC_PresentationContext &context,
                   const char *sop_class, const char *sop_uid, std::string &path)
{
    path = a.receiver->spool + "/" + std::to_string(getpid()) + "-"
           + std::to_string(a.receiver->files++) + ".tmp";
    const std::string head = dcm::part10_head(
        sop_class, sop_uid, context.acceptedTransferSyntax, a.sum->peer.calling_ae);
    // One that is there was left by a killed process of our number: nobody else's.
    int file = open(path.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0640);
    if (file >= 0 && !write_all(file, head.data(), head.size())) {
        close(file);
        file = -1;
    }
    a.receiver->patience.expect_flow(a.receiver->conf.dimse_timeout_s,
                                     a.receiver->conf.bytes_per_s_min);
    const spooled state = spool_dataset(a, context.presentationContextID, file,
                                        static_cast<int64_t>(head.size()));
    a.receiver->patience.expect_nothing();
    if (file >= 0 && close(file) != 0 && state == spooled::whole)
        return spooled::no_space;
    return state;
}

namespace
{

/* ---- C-STORE ---- */

/* The file lies complete at path: look at it, then give it to the hook. */
uint16_t keep(association &a, const T_DIMSE_C_StoreRQ &rq, const char *path)
{
    auto facts = std::make_unique<instance_facts>();
    struct err err = {};
    if (scan_file(path, &a.receiver->conf.limits, facts.get(), &err) < 0) {
        unlink(path);
        const bool is_ours = err.code == ERR_IO || err.code == ERR_NOMEM;
        return dcm::refuse(a, is_ours ? DCM_OUT_OF_RESOURCES : DCM_CANNOT_UNDERSTAND,
                           err.text);
    }
    if (std::strcmp(facts->sop_class, rq.AffectedSOPClassUID) != 0
        || std::strcmp(facts->sop_uid, rq.AffectedSOPInstanceUID) != 0) {
        unlink(path);
        return dcm::refuse(a, DCM_SOP_CLASS_DIFFERS,
                           "data set and command name different objects");
    }
    const dcm_receive_hooks &hooks = a.receiver->hooks;
    const uint16_t status = hooks.stored(hooks.ctx, &a.sum->peer, path, facts.get());
    if (status == DCM_SUCCESS)
        a.sum->stored++;
    else
        a.sum->refused++;
    return status;
}

/* Status to answer, or -1 when the association is broken. */
int receive_instance(association &a, const T_DIMSE_C_StoreRQ &rq,
                     T_ASC_PresentationContextID id)
{
    T_ASC_PresentationContext context;
    if (ASC_findAcceptedPresentationContext(a.asc->params, id, &context).bad())
        return -1;

    std::string path;
    const spooled state =
        dcm::spool(a, context, rq.AffectedSOPClassUID, rq.AffectedSOPInstanceUID, path);
    const bool is_kept = state == spooled::whole;
    if (is_kept && std::strcmp(context.abstractSyntax, rq.AffectedSOPClassUID) != 0) {
        unlink(path.c_str());
        return dcm::refuse(a, DCM_SOP_CLASS_UNKNOWN,
                           "a SOP class that was not agreed upon");
    }
    if (is_kept)
        return keep(a, rq, path.c_str());

    unlink(path.c_str());
    if (state == spooled::broken)
        return -1;
    return dcm::refuse(a, DCM_OUT_OF_RESOURCES,
                       state == spooled::too_large ? "larger than instance_bytes_max"
                                                   : "no space in the spool");
}

bool serve_store(association &a, T_DIMSE_Message &message, T_ASC_PresentationContextID id)
{
    T_DIMSE_C_StoreRQ &rq = message.msg.CStoreRQ;
    if (rq.DataSetType == DIMSE_DATASET_NULL)
        return false;
    T_DIMSE_C_StoreRSP rsp = {};
    rsp.MessageIDBeingRespondedTo = rq.MessageID;
    OFStandard::strlcpy(rsp.AffectedSOPClassUID, rq.AffectedSOPClassUID,
                        sizeof(rsp.AffectedSOPClassUID));
    OFStandard::strlcpy(rsp.AffectedSOPInstanceUID, rq.AffectedSOPInstanceUID,
                        sizeof(rsp.AffectedSOPInstanceUID));
    rsp.opts = O_STORE_AFFECTEDSOPCLASSUID | O_STORE_AFFECTEDSOPINSTANCEUID;
    rsp.DataSetType = DIMSE_DATASET_NULL;

    const int status = receive_instance(a, rq, id);
    if (status < 0)
        return false;
    rsp.DimseStatus = static_cast<DIC_US>(status);
    return DIMSE_sendStoreResponse(a.asc, id, &rq, &rsp, nullptr).good();
}

bool serve_echo(association &a, T_DIMSE_Message &message, T_ASC_PresentationContextID id)
{
    a.sum->echoes++;
    return DIMSE_sendEchoResponse(a.asc, id, &message.msg.CEchoRQ, STATUS_Success,
                                  nullptr)
        .good();
}

int serve_messages(association &a, err *err)
{
    for (;;) {
        T_DIMSE_Message message = {};
        T_ASC_PresentationContextID id = 0;
        acknowledge_quickly(a.fd);
        // DCMTK's own limit is for the first byte, and goes off before ours.
        a.receiver->patience.expect_whole(a.receiver->conf.idle_timeout_s + 1);
        const OFCondition cond =
            DIMSE_receiveCommand(a.asc, DIMSE_NONBLOCKING,
                                 a.receiver->conf.idle_timeout_s, &id, &message, nullptr);
        a.receiver->patience.expect_nothing();
        if (cond == DUL_PEERREQUESTEDRELEASE) {
            ASC_acknowledgeRelease(a.asc);
            a.sum->was_released = true;
            return 0;
        }
        if (cond.bad()) { // silent for too long, malformed, or gone: then this does nothing
            ASC_abortAssociation(a.asc);
            return err_set(err, ERR_PEER, "association broke off: %s", cond.text());
        }

        bool is_well = false;
        if (message.CommandField == DIMSE_C_STORE_RQ)
            is_well = serve_store(a, message, id);
        else if (message.CommandField == DIMSE_C_ECHO_RQ)
            is_well = serve_echo(a, message, id);
        else if (message.CommandField == DIMSE_N_ACTION_RQ && a.receiver->hooks.commit)
            is_well = dcm::serve_action(a, message.msg.NActionRQ, id);
        else if (message.CommandField == DIMSE_N_EVENT_REPORT_RSP) // nothing hangs on it
            is_well = message.msg.NEventReportRSP.DataSetType == DIMSE_DATASET_NULL;
        if (!is_well) {
            ASC_abortAssociation(a.asc);
            return err_set(err, ERR_PEER,
                           "a message that is broken or that we do not serve");
        }
    }
}

} // namespace

int dcm_receiver_create(const dcm_receive_conf *conf, const dcm_receive_hooks *hooks,
                        dcm_receiver **ret, err *err)
{
    return dcm::guard(err, [&] {
        auto receiver = std::make_unique<dcm_receiver>();
        receiver->spool = conf->spool;
        receiver->conf = *conf;
        receiver->conf.spool = nullptr;
        receiver->hooks = *hooks;
        receiver->files = 0;
        // With an external socket no port is opened; the handle only must be a valid one.
        dcmExternalSocketHandle.set(dup(STDERR_FILENO));
        const OFCondition cond = ASC_initializeNetwork(
            NET_ACCEPTOR, 0, conf->idle_timeout_s, &receiver->network);
        if (cond.bad())
            return err_set(err, ERR_IO, "network: %s", cond.text());
        if (conf->tls) {
            receiver->tls = dcm::make_layer(*conf->tls, NET_ACCEPTOR);
            receiver->conf.tls = nullptr;
            ASC_setTransportLayer(receiver->network, receiver->tls.get(), OFFalse);
        }
        *ret = receiver.release();
        return 0;
    });
}

void dcm_receiver_destroy(dcm_receiver *receiver)
{
    if (!receiver)
        return;
    ASC_dropNetwork(&receiver->network);
    delete receiver;
}

int dcm_receiver_serve(dcm_receiver *receiver, int fd, bool is_tls,
                       dcm_receive_summary *ret, err *err)
{
    *ret = {};
    ret->peer.is_encrypted = is_tls;
    return dcm::guard(err, [&] {
        const int on = 1;
        setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
        set_timeout(fd, receiver->conf.idle_timeout_s);
        name_address(fd, ret->peer.address, sizeof(ret->peer.address));

        association a = {receiver, nullptr, fd, ret};
        int r = open_association(a, err);
        if (r == 0)
            r = serve_messages(a, err);
        const char *why = receiver->patience.reason();
        return r < 0 && why ? err_set(err, ERR_PEER, "%s", why) : r;
    });
}
