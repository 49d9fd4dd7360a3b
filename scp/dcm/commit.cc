#include "scp/dcm/receive.hh"

#include <vector>

#include <unistd.h>

namespace
{

using dcm::association;

constexpr uint16_t NO_SUCH_ACTION = 0x0123, INVALID_ARGUMENT = 0x0115,
                   PROCESSING_FAILURE = 0x0110;
constexpr DIC_US ACTION_REQUEST_COMMITMENT = 1;
constexpr DIC_US EVENT_ALL_HELD = 1, EVENT_FAILURES = 2;
constexpr size_t REFERENCES_MAX = 50000;

struct request {
    std::string transaction;
    std::vector<dcm_reference> references;
};

/* False when item names no SOP class and instance. */
bool read_reference(DcmItem *item, dcm_reference &ret)
{
    OFString sop_class, sop_uid;
    item->findAndGetOFString(DCM_ReferencedSOPClassUID, sop_class);
    item->findAndGetOFString(DCM_ReferencedSOPInstanceUID, sop_uid);
    if (!scan_is_uid(sop_class.c_str()) || !scan_is_uid(sop_uid.c_str()))
        return false;
    OFStandard::strlcpy(ret.sop_class, sop_class.c_str(), sizeof(ret.sop_class));
    OFStandard::strlcpy(ret.sop_uid, sop_uid.c_str(), sizeof(ret.sop_uid));
    return true;
}

/* What is asked, from the spooled data set; false when it is none. DCMTK parses it only after
 * our own scan has found it sound. */
bool read_request(const association &a, const std::string &path, request &ret)
{
    DcmFileFormat file;
    OFString transaction;
    DcmSequenceOfItems *sequence = nullptr;
    if (scan_structure(path.c_str(), &a.receiver->conf.limits, nullptr) < 0
        || file.loadFile(path.c_str()).bad())
        return false;
    file.getDataset()->findAndGetOFString(DCM_TransactionUID, transaction);
    file.getDataset()->findAndGetSequence(DCM_ReferencedSOPSequence, sequence);
    if (!scan_is_uid(transaction.c_str()) || !sequence || sequence->card() == 0
        || sequence->card() > REFERENCES_MAX)
        return false;

    ret.transaction = transaction.c_str();
    ret.references.resize(sequence->card());
    DcmObject *item = nullptr;
    for (dcm_reference &reference : ret.references) {
        item =
            sequence->nextInContainer(item); // not getItem(): that counts from the start
        if (!item || !read_reference(static_cast<DcmItem *>(item), reference))
            return false;
    }
    return true;
}

/* The data set of the N-EVENT-REPORT (PS3.4 table J.3-2); event tells whether all are held. */
std::unique_ptr<DcmDataset> make_report(const request &asked, DIC_US &event)
{
    auto report = std::make_unique<DcmDataset>();
    report->putAndInsertString(DCM_TransactionUID, asked.transaction.c_str());
    auto held = std::make_unique<DcmSequenceOfItems>(DCM_ReferencedSOPSequence);
    auto failed = std::make_unique<DcmSequenceOfItems>(DCM_FailedSOPSequence);
    for (const dcm_reference &reference : asked.references) {
        auto item = std::make_unique<DcmItem>();
        item->putAndInsertString(DCM_ReferencedSOPClassUID, reference.sop_class);
        item->putAndInsertString(DCM_ReferencedSOPInstanceUID, reference.sop_uid);
        if (reference.failure != DCM_HELD)
            item->putAndInsertUint16(DCM_FailureReason, reference.failure);
        (reference.failure == DCM_HELD ? held : failed)->append(item.release());
    }
    event = failed->card() == 0 ? EVENT_ALL_HELD : EVENT_FAILURES;
    if (held->card() > 0)
        report->insert(held.release());
    if (failed->card() > 0)
        report->insert(failed.release());
    return report;
}

bool answer(association &a, const T_DIMSE_N_ActionRQ &rq, T_ASC_PresentationContextID id,
            uint16_t status)
{
    T_DIMSE_Message message = {};
    message.CommandField = DIMSE_N_ACTION_RSP;
    T_DIMSE_N_ActionRSP &rsp = message.msg.NActionRSP;
    rsp.MessageIDBeingRespondedTo = rq.MessageID;
    OFStandard::strlcpy(rsp.AffectedSOPClassUID, rq.RequestedSOPClassUID,
                        sizeof(rsp.AffectedSOPClassUID));
    OFStandard::strlcpy(rsp.AffectedSOPInstanceUID, rq.RequestedSOPInstanceUID,
                        sizeof(rsp.AffectedSOPInstanceUID));
    rsp.ActionTypeID = rq.ActionTypeID;
    rsp.opts = O_NACTION_AFFECTEDSOPCLASSUID | O_NACTION_AFFECTEDSOPINSTANCEUID
               | O_NACTION_ACTIONTYPEID;
    rsp.DataSetType = DIMSE_DATASET_NULL;
    rsp.DimseStatus = status;
    return DIMSE_sendMessageUsingMemoryData(a.asc, id, &message, nullptr, nullptr,
                                            nullptr, nullptr)
        .good();
}

/* Its response is read like any other message. */
bool report(association &a, T_ASC_PresentationContextID id, const request &asked)
{
    T_DIMSE_Message message = {};
    message.CommandField = DIMSE_N_EVENT_REPORT_RQ;
    T_DIMSE_N_EventReportRQ &rq = message.msg.NEventReportRQ;
    rq.MessageID = a.asc->nextMsgID++;
    OFStandard::strlcpy(rq.AffectedSOPClassUID, UID_StorageCommitmentPushModelSOPClass,
                        sizeof(rq.AffectedSOPClassUID));
    OFStandard::strlcpy(rq.AffectedSOPInstanceUID,
                        UID_StorageCommitmentPushModelSOPInstance,
                        sizeof(rq.AffectedSOPInstanceUID));
    rq.DataSetType = DIMSE_DATASET_PRESENT;
    const auto data = make_report(asked, rq.EventTypeID);
    return DIMSE_sendMessageUsingMemoryData(a.asc, id, &message, nullptr, data.get(),
                                            nullptr, nullptr)
        .good();
}

/* The status to answer; asked is whole when it is Success. */
uint16_t look_up(association &a, const T_DIMSE_N_ActionRQ &rq, const std::string &path,
                 request &asked)
{
    if (std::strcmp(rq.RequestedSOPClassUID, UID_StorageCommitmentPushModelSOPClass) != 0)
        return dcm::refuse(a, DCM_SOP_CLASS_UNKNOWN, "N-ACTION of another SOP class");
    if (rq.ActionTypeID != ACTION_REQUEST_COMMITMENT)
        return dcm::refuse(a, NO_SUCH_ACTION, "an action of that type there is none");
    if (!read_request(a, path, asked))
        return dcm::refuse(a, INVALID_ARGUMENT, "no request for storage commitment");
    const dcm_receive_hooks &hooks = a.receiver->hooks;
    if (!hooks.commit(hooks.ctx, asked.references.data(), asked.references.size()))
        return dcm::refuse(a, PROCESSING_FAILURE, "the index does not answer");
    return DCM_SUCCESS;
}

} // namespace

bool dcm::serve_action(association &a, const T_DIMSE_N_ActionRQ &rq,
                       T_ASC_PresentationContextID id)
{
    T_ASC_PresentationContext context;
    if (rq.DataSetType == DIMSE_DATASET_NULL
        || ASC_findAcceptedPresentationContext(a.asc->params, id, &context).bad())
        return false;

    std::string path;
    request asked;
    const spooled state = spool(a, context, UID_StorageCommitmentPushModelSOPClass,
                                UID_StorageCommitmentPushModelSOPInstance, path);
    uint16_t status = PROCESSING_FAILURE;
    if (state == spooled::whole)
        status = look_up(a, rq, path, asked);
    unlink(path.c_str());
    if (state == spooled::broken || !answer(a, rq, id, status))
        return false;
    return status != DCM_SUCCESS || report(a, id, asked);
}
