/* SPDX-License-Identifier: MIT */
#include "text/digest.h"

#include <openssl/evp.h>

size_t digest_of(enum digest kind, const void *bytes, size_t n, uint8_t out[DIGEST_BYTES_MAX])
{
    const EVP_MD *kinds[] = {EVP_md5(), EVP_sha1(), EVP_sha224(), EVP_sha256(), EVP_sha384(), EVP_sha512()};
    unsigned      size = 0;
    return EVP_Digest(bytes, n, out, &size, kinds[kind], NULL) == 1 ? size : 0;
}

void hex_encode(const uint8_t *bytes, size_t n, bool upper, struct buf *out)
{
    const char *digits = upper ? "0123456789ABCDEF" : "0123456789abcdef";
    for (size_t i = 0; i < n; i++) {
        buf_u8(out, (uint8_t)digits[bytes[i] >> 4]);
        buf_u8(out, (uint8_t)digits[bytes[i] & 15]);
    }
}
