/* sha256: digests of bytes and files; UIDs derived from a seed. The door to libcrypto. */
#ifndef BASE_SHA256_H
#define BASE_SHA256_H

#include <stddef.h>

#ifdef __cplusplus
extern "C" {
#endif

struct err;

#define SHA256_HEX 65 // 64 hexadecimal characters and NUL

/** Digest of size bytes at data as lower-case hexadecimal. */
void sha256_hex(const void *data, size_t size, char ret[SHA256_HEX]);
/** Digest of the file at path. Errors: ERR_IO. */
int sha256_file(const char *path, char ret[SHA256_HEX], struct err *err);

/**
 * A UID for the object called name of the job with that seed, always the same for the same
 * two: "2.25." and the decimal of a version-8 UUID (RFC 9562) made of SHA-256(seed "/" name).
 * ret holds 65 bytes. Source: PS3.5 B.2.
 */
void sha256_uid(const char *seed, const char *name, char ret[65]);

#ifdef __cplusplus
}
#endif
#endif
