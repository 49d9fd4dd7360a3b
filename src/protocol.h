/*
 * protocol: the messages between the loop and its children (base/msg.h carries them).
 *
 * The comment of each type lists its fields in order. A child speaks on descriptor 3.
 */
#ifndef SRC_PROTOCOL_H
#define SRC_PROTOCOL_H

#include "base/facts.h"

enum { CHILD_FD = 3 };

enum message {
    /* receiver */
    SERVE_ASSOCIATION = 1, // to: u32 is_tls; a connected socket comes with it
    STORE_INSTANCE,  // from: bytes instance_facts, text path, i64 size, text calling AE
    INSTANCE_STORED, // to: u32 DICOM status
    ASSOCIATION_ENDED, // from: u32 stored, refused, echoes, admitted, released; i64 bytes; text reason
    INSTANCE_REFUSED, // from: u32 DICOM status, text reason
    ASK_HELD,         // from: u32 n, n times texts SOP class, SOP instance UID
    HELD, // to: u32 n, n times u32 failure reason, 0: held; n = 0: the index fails

    /* worker */
    RUN_JOB, // to: i64 job, created_s; texts analysis, uid_seed, supersedes_seed, folder; u32 n,
             //     n texts paths
    JOB_PROGRESS, // from: text stage, f64 fraction
    JOB_ENDED, // from: u32 error code as positive (0: done), text reason, u32 is_refused,
               //       u32 n, n times texts name, sop_uid, sop_class

    /* sender */
    SEND_OBJECTS,  // to: text destination, u32 n, n times i64 delivery, text path
    OBJECT_SENT,   // from: i64 delivery, u32 fault, text reason
    SENDING_ENDED, // from: nothing

    /* control socket: a client asks, the node answers once */
    CONTROL_STATUS,  // u32 rows at most
    CONTROL_REPLAY,  // i64 job, 0: all
    CONTROL_RELEASE, // i64 study
    CONTROL_ANSWER, // u32 error code as positive (0: done), text: JSON or what went wrong
};

/** Make facts that came from a child safe to use, whatever they hold: texts end at their
 * last byte, flags are 0 or 1. */
void protocol_seal_facts(struct instance_facts *facts);
/** Make a text of a child's printable ASCII without quotes, for logs and the index. */
void protocol_seal_text(char *text);

enum { STORAGE_PATH = 80 };
/** Where the instance of that SOP Instance UID lies below the storage folder: ab/abcd....dcm,
 * of the UID's digest, never of a peer's text. */
void protocol_storage_path(const char *sop_uid, char ret[STORAGE_PATH]);

#endif
