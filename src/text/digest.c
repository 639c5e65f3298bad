/* SPDX-License-Identifier: MIT */
#include "text/digest.h"

#include <openssl/evp.h>

#include "base/inbox.h" /* pthread_once too */

static const char *const names[] = {"MD5", "SHA1", "SHA224", "SHA256", "SHA384", "SHA512"};
static EVP_MD *fetched[sizeof names / sizeof names[0]]; /* once: looking one up costs more than a short text */

static void fetch(void)
{
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++)
        fetched[i] = EVP_MD_fetch(NULL, names[i], NULL);
}

size_t digest_of(enum digest kind, const void *bytes, size_t n, uint8_t out[DIGEST_BYTES_MAX])
{
    static pthread_once_t once = PTHREAD_ONCE_INIT;
    unsigned              size = 0;
    pthread_once(&once, fetch);
    return fetched[kind] && EVP_Digest(bytes, n, out, &size, fetched[kind], NULL) == 1 ? size : 0;
}

void hex_encode(const uint8_t *bytes, size_t n, bool upper, struct buf *out)
{
    const char *digits = upper ? "0123456789ABCDEF" : "0123456789abcdef";
    uint8_t    *to = buf_reserve(out, 2 * n);
    for (size_t i = 0; to && i < n; i++) {
        *to++ = (uint8_t)digits[bytes[i] >> 4];
        *to++ = (uint8_t)digits[bytes[i] & 15];
        out->size += 2;
    }
}
