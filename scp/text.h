/*
 * text: text of DICOM data sets as UTF-8 (PS3.3 C.12.1.1.2, PS3.5 6.1).
 */
#ifndef SCP_TEXT_H
#define SCP_TEXT_H

#include <stddef.h>

#ifdef __cplusplus
extern "C" {
#endif

/**
 * Convert size bytes of text from the characters that charset names (the value of
 * SpecificCharacterSet, "" for the default repertoire; ISO 2022 escapes are followed) into
 * ret [room], cut at a whole character and without padding. Control characters become
 * spaces; what makes no sense becomes '?'.
 */
void text_to_utf8(const char *charset, const char *text, size_t size, char *ret,
                  size_t room);

#ifdef __cplusplus
}
#endif
#endif
