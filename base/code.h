/*
 * code: a coded concept of DICOM, as a triplet. Knows no code by itself.
 *
 * Codes are static const data of whoever uses them; tests/golden checks each
 * one against the concept dictionary of pydicom.
 */
#ifndef BASE_CODE_H
#define BASE_CODE_H

struct code {
    const char *value;   // "113055"
    const char *scheme;  // "DCM", "SCT", "LN", "UCUM", "99HILUM"
    const char *meaning; // "Regional Cerebral Blood Flow"
};

#endif
