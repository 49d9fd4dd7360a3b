#include "scp/dcm_send.h"

#include "base/err.h"
#include "scp/dcm/guard.hh"
#include "scp/dcm/net.hh"
#include "scp/dcm/tls.hh"
#include "scp/scan.h"

#include <memory>
#include <string>
#include <vector>

#include <dcmtk/dcmnet/assoc.h>
#include <dcmtk/dcmnet/dimse.h>
#include <dcmtk/dcmnet/diutil.h>

namespace
{

constexpr size_t CONTEXTS_MAX = 128; // odd IDs of one byte

struct item {
    size_t index; // of paths
    std::string sop_class, sop_uid, syntax;
};

struct connection {
    std::unique_ptr<DcmTLSTransportLayer> tls; // outlives network and asc
    T_ASC_Network *network = nullptr;
    T_ASC_Association *asc = nullptr;

    ~connection()
    {
        if (asc)
            ASC_destroyAssociation(&asc);
        if (network)
            ASC_dropNetwork(&network);
    }
};

struct sending {
    const dcm_destination *to;
    const char *const *paths;
    bool (*sent)(void *, size_t, const dcm_send_outcome *);
    void *ctx;
    bool is_stopped = false;

    void tell(size_t index, dcm_send_fault fault, uint16_t status, const char *text)
    {
        dcm_send_outcome outcome = {fault, status, {}};
        std::snprintf(outcome.text, sizeof(outcome.text), "%.199s", text);
        if (!is_stopped && !sent(ctx, index, &outcome))
            is_stopped = true;
    }
};

/* ---- association ---- */

dcm_send_fault connect_fault(const OFCondition &cond)
{
    return cond == DUL_ASSOCIATIONREJECTED ? DCM_SEND_REJECTED : DCM_SEND_UNREACHABLE;
}

std::string connect_text(const OFCondition &cond, T_ASC_Parameters *params)
{
    if (cond != DUL_ASSOCIATIONREJECTED)
        return std::string("no association: ") + cond.text();
    T_ASC_RejectParameters reason;
    ASC_getRejectParameters(params, &reason);
    OFString text;
    ASC_printRejectParameters(text, &reason);
    for (char &c : text)
        c = c == '\n' ? ' ' : c;
    return std::string("association rejected: ") + text.c_str();
}

/* Throws failure when the certificates cannot be used. */
OFCondition open_network(connection &c, const dcm_destination *to,
                         T_ASC_Parameters **params)
{
    dcmConnectionTimeout.set(to->connect_timeout_s);
    if (to->tls)
        c.tls = dcm::make_layer(*to->tls, NET_REQUESTOR);
    OFCondition cond =
        ASC_initializeNetwork(NET_REQUESTOR, 0, to->dimse_timeout_s, &c.network);
    if (cond.good() && c.tls)
        cond = ASC_setTransportLayer(c.network, c.tls.get(), OFFalse);
    if (cond.good())
        cond = ASC_createAssociationParameters(params, static_cast<long>(to->pdu_bytes));
    if (cond.bad())
        return cond;
    ASC_setAPTitles(*params, to->calling_ae, to->called_ae, nullptr);
    ASC_setTransportLayerType(*params, to->tls != nullptr);
    const std::string host = std::string(to->host) + ":" + std::to_string(to->port);
    return ASC_setPresentationAddresses(*params, OFStandard::getHostName().c_str(),
                                        host.c_str());
}

/* One context for each pair of SOP class and transfer syntax of the items. */
OFCondition propose(T_ASC_Parameters *params, const std::vector<item> &items)
{
    std::vector<std::string> proposed;
    for (const item &it : items) {
        const std::string pair = it.sop_class + " " + it.syntax;
        if (std::find(proposed.begin(), proposed.end(), pair) != proposed.end())
            continue;
        proposed.push_back(pair);
        const char *syntax = it.syntax.c_str();
        const OFCondition cond = ASC_addPresentationContext(
            params, static_cast<T_ASC_PresentationContextID>(2 * proposed.size() - 1),
            it.sop_class.c_str(), &syntax, 1);
        if (cond.bad())
            return cond;
    }
    return EC_Normal;
}

/* ---- C-STORE ---- */

dcm_send_fault status_fault(uint16_t status)
{
    if (status == STATUS_Success || (status & 0xf000) == 0xb000) // warnings are stored
        return DCM_SEND_OK;
    return (status & 0xff00) == 0xa700 ? DCM_SEND_BUSY : DCM_SEND_REFUSED;
}

/* False when the association is no more. */
bool store(sending &s, connection &c, const item &it, const dcm_destination *to)
{
    const T_ASC_PresentationContextID id = ASC_findAcceptedPresentationContextID(
        c.asc, it.sop_class.c_str(), it.syntax.c_str());
    if (id == 0) {
        s.tell(it.index, DCM_SEND_NO_CONTEXT, 0,
               "the SOP class or transfer syntax is not accepted");
        return true;
    }

    DcmFileFormat file;
    OFCondition cond = file.loadFile(s.paths[it.index]);
    if (cond.bad()) {
        s.tell(it.index, DCM_SEND_LOCAL, 0, cond.text());
        return true;
    }
    T_DIMSE_C_StoreRQ rq = {};
    T_DIMSE_C_StoreRSP rsp = {};
    rq.MessageID = c.asc->nextMsgID++;
    OFStandard::strlcpy(rq.AffectedSOPClassUID, it.sop_class.c_str(),
                        sizeof(rq.AffectedSOPClassUID));
    OFStandard::strlcpy(rq.AffectedSOPInstanceUID, it.sop_uid.c_str(),
                        sizeof(rq.AffectedSOPInstanceUID));
    rq.DataSetType = DIMSE_DATASET_PRESENT;
    rq.Priority = DIMSE_PRIORITY_MEDIUM;

    DcmDataset *detail = nullptr;
    cond = DIMSE_storeUser(c.asc, id, &rq, nullptr, file.getDataset(), nullptr, nullptr,
                           DIMSE_NONBLOCKING, to->dimse_timeout_s, &rsp, &detail);
    delete detail;
    if (cond.bad()) {
        s.tell(it.index, DCM_SEND_UNREACHABLE, 0, cond.text());
        return false;
    }
    const dcm_send_fault fault = status_fault(rsp.DimseStatus);
    char text[64] = "";
    if (fault != DCM_SEND_OK)
        std::snprintf(text, sizeof(text), "answered with status %04x", rsp.DimseStatus);
    s.tell(it.index, fault, rsp.DimseStatus, text);
    return true;
}

void tell_rest(sending &s, const std::vector<item> &items, size_t from,
               dcm_send_fault fault, const char *text)
{
    for (size_t i = from; i < items.size() && !s.is_stopped; i++)
        s.tell(items[i].index, fault, 0, text);
}

int send_items(sending &s, const std::vector<item> &items, err *err)
{
    connection c;
    T_ASC_Parameters *params = nullptr;
    OFCondition cond;
    try {
        cond = open_network(c, s.to, &params);
    } catch (const dcm::failure &e) {
        tell_rest(s, items, 0, DCM_SEND_UNREACHABLE, e.what());
        return err_set(err, ERR_PEER, "%s", e.what());
    }
    if (cond.good())
        cond = propose(params, items);
    if (cond.good())
        cond = ASC_requestAssociation(c.network, params, &c.asc);
    if (cond.bad()) {
        const std::string text = params ? connect_text(cond, params) : cond.text();
        if (params && !c.asc)
            ASC_destroyAssociationParameters(&params);
        tell_rest(s, items, 0, connect_fault(cond), text.c_str());
        return err_set(err, ERR_PEER, "%s", text.c_str());
    }
    for (size_t i = 0; i < items.size() && !s.is_stopped; i++) {
        if (!store(s, c, items[i], s.to)) {
            tell_rest(s, items, i + 1, DCM_SEND_UNREACHABLE, "the association broke off");
            ASC_abortAssociation(c.asc);
            return err_set(err, ERR_PEER, "the association broke off");
        }
    }
    if (s.is_stopped)
        ASC_abortAssociation(c.asc);
    else
        ASC_releaseAssociation(c.asc);
    return s.is_stopped ? err_set(err, ERR_CANCELLED, "stopped") : 0;
}

/* What each file is; those that cannot be read are told and left out. */
std::vector<item> look(sending &s, size_t count)
{
    std::vector<item> items;
    auto facts = std::make_unique<instance_facts>();
    for (size_t i = 0; i < count && !s.is_stopped; i++) {
        struct err why = {};
        if (scan_file(s.paths[i], &SCAN_LIMITS, facts.get(), &why) < 0)
            s.tell(i, DCM_SEND_LOCAL, 0, why.text);
        else
            items.push_back(
                {i, facts->sop_class, facts->sop_uid, facts->transfer_syntax});
    }
    return items;
}

} // namespace

int dcm_send(const dcm_destination *destination, const char *const *paths, size_t count,
             bool (*sent)(void *ctx, size_t index, const dcm_send_outcome *outcome),
             void *ctx, err *err)
{
    return dcm::guard(err, [&] {
        sending s = {destination, paths, sent, ctx};
        const std::vector<item> items = look(s, count);
        int r = 0;
        // Batches that cannot need more contexts than an association has.
        for (size_t at = 0; r == 0 && at < items.size();) {
            std::vector<item> batch;
            std::vector<std::string> pairs;
            for (; at < items.size(); at++) {
                const std::string pair = items[at].sop_class + " " + items[at].syntax;
                if (std::find(pairs.begin(), pairs.end(), pair) == pairs.end()) {
                    if (pairs.size() == CONTEXTS_MAX)
                        break;
                    pairs.push_back(pair);
                }
                batch.push_back(items[at]);
            }
            r = send_items(s, batch, err);
            if (r == ERR_PEER)
                tell_rest(s, items, at, DCM_SEND_UNREACHABLE,
                          "the association broke off");
        }
        return s.is_stopped ? err_set(err, ERR_CANCELLED, "stopped") : r;
    });
}

int dcm_echo(const dcm_destination *destination, err *err)
{
    return dcm::guard(err, [&] {
        connection c;
        T_ASC_Parameters *params = nullptr;
        OFCondition cond = open_network(c, destination, &params);
        const char *syntax = UID_LittleEndianImplicitTransferSyntax;
        if (cond.good())
            cond = ASC_addPresentationContext(params, 1, UID_VerificationSOPClass,
                                              &syntax, 1);
        if (cond.good())
            cond = ASC_requestAssociation(c.network, params, &c.asc);
        if (cond.bad()) {
            const std::string text = params ? connect_text(cond, params) : cond.text();
            if (params && !c.asc)
                ASC_destroyAssociationParameters(&params);
            return err_set(err, ERR_PEER, "%s", text.c_str());
        }
        DIC_US status = 0;
        DcmDataset *detail = nullptr;
        cond = DIMSE_echoUser(c.asc, c.asc->nextMsgID++, DIMSE_NONBLOCKING,
                              destination->dimse_timeout_s, &status, &detail);
        delete detail;
        ASC_releaseAssociation(c.asc);
        if (cond.bad() || status != STATUS_Success)
            return err_set(err, ERR_PEER, "C-ECHO: %s, status %04x", cond.text(), status);
        return 0;
    });
}

bool dcm_send_is_transient(dcm_send_fault fault)
{
    return fault == DCM_SEND_UNREACHABLE || fault == DCM_SEND_BUSY
           || fault == DCM_SEND_REJECTED;
}

const char *dcm_send_fault_name(dcm_send_fault fault)
{
    static const char *const NAMES[] = {"ok",   "unreachable", "rejected",  "no context",
                                        "busy", "refused",     "local file"};
    return NAMES[fault];
}
