#include "base/sha256.h"

#include "base/err.h"

#include <assert.h>
#include <errno.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <openssl/evp.h>

enum { DIGEST_BYTES = 32, CHUNK_BYTES = 65536 };

static void to_hex(const unsigned char digest[DIGEST_BYTES], char ret[SHA256_HEX])
{
    for (int i = 0; i < DIGEST_BYTES; i++)
        snprintf(ret + 2 * i, 3, "%02x", digest[i]);
}

static void digest_bytes(const void *data, size_t size, unsigned char ret[DIGEST_BYTES])
{
    unsigned length = 0;
    const int ok = EVP_Digest(data, size, ret, &length, EVP_sha256(), NULL);
    assert(ok == 1 && length == DIGEST_BYTES);
}

void sha256_hex(const void *data, size_t size, char ret[SHA256_HEX])
{
    unsigned char digest[DIGEST_BYTES];
    digest_bytes(data, size, digest);
    to_hex(digest, ret);
}

static int feed(EVP_MD_CTX *ctx, FILE *file, const char *path, struct err *err)
{
    char chunk[CHUNK_BYTES];
    size_t got;
    while ((got = fread(chunk, 1, sizeof(chunk), file)) > 0)
        EVP_DigestUpdate(ctx, chunk, got);
    return ferror(file) ? err_set(err, ERR_IO, "read %s: %s", path, strerror(errno)) : 0;
}

int sha256_file(const char *path, char ret[SHA256_HEX], struct err *err)
{
    FILE *file = fopen(path, "rbe");
    if (!file)
        return err_set(err, ERR_IO, "open %s: %s", path, strerror(errno));

    EVP_MD_CTX *ctx = EVP_MD_CTX_new();
    int r = ctx ? 0 : err_set(err, ERR_NOMEM, "a digest");
    if (r == 0) {
        EVP_DigestInit_ex(ctx, EVP_sha256(), NULL);
        r = feed(ctx, file, path, err);
    }
    if (r == 0) {
        unsigned char digest[DIGEST_BYTES];
        EVP_DigestFinal_ex(ctx, digest, NULL);
        to_hex(digest, ret);
    }
    EVP_MD_CTX_free(ctx);
    fclose(file);
    return r;
}

/* Divide the big-endian number of 16 bytes by ten in place; the remainder is returned. */
static int divide_by_ten(unsigned char number[16])
{
    unsigned rest = 0;
    for (int i = 0; i < 16; i++) {
        rest = rest << 8 | number[i];
        number[i] = (unsigned char)(rest / 10);
        rest %= 10;
    }
    return (int)rest;
}

void sha256_uid(const char *seed, const char *name, char ret[65])
{
    char text[512];
    const int n = snprintf(text, sizeof(text), "%s/%s", seed, name);
    assert(n > 0 && (size_t)n < sizeof(text));

    unsigned char digest[DIGEST_BYTES];
    digest_bytes(text, (size_t)n, digest);
    digest[6] = (unsigned char)((digest[6] & 0x0f) | 0x80); // version 8
    digest[8] = (unsigned char)((digest[8] & 0x3f) | 0x80); // variant of RFC 9562

    char decimal[40]; // 2^128 has 39 digits; the top bits set above keep it from being 0
    int at = sizeof(decimal) - 1;
    decimal[at] = '\0';
    static const unsigned char ZERO[16] = {0};
    while (memcmp(digest, ZERO, sizeof(ZERO)) != 0)
        decimal[--at] = (char)('0' + divide_by_ten(digest));

    snprintf(ret, 65, "2.25.%s", decimal + at);
}
