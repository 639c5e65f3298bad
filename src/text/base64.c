/* SPDX-License-Identifier: MIT */
#include "text/base64.h"

static const char alphabet[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

void base64_encode(const uint8_t *bytes, size_t n, struct buf *out)
{
    for (size_t i = 0; i < n; i += 3) {
        uint32_t v =
            (uint32_t)bytes[i] << 16 | (i + 1 < n ? (uint32_t)bytes[i + 1] << 8 : 0) | (i + 2 < n ? bytes[i + 2] : 0);
        buf_u8(out, (uint8_t)alphabet[v >> 18]);
        buf_u8(out, (uint8_t)alphabet[v >> 12 & 63]);
        buf_u8(out, i + 1 < n ? (uint8_t)alphabet[v >> 6 & 63] : '=');
        buf_u8(out, i + 2 < n ? (uint8_t)alphabet[v & 63] : '=');
    }
}

bool base64_decode(const char *text, size_t n, bool lenient, struct buf *out)
{
    uint32_t v = 0;
    int      have = 0, padding = 0;
    for (size_t i = 0; i < n; i++) {
        const char *at = text[i] ? strchr(alphabet, text[i]) : NULL;
        if (text[i] == '=') {
            padding++;
            continue;
        }
        if (!at) {
            if (!lenient)
                return false;
            continue;
        }
        if (padding)
            return false;
        v = v << 6 | (uint32_t)(at - alphabet);
        if (++have == 4) {
            buf_u8(out, (uint8_t)(v >> 16));
            buf_u8(out, (uint8_t)(v >> 8));
            buf_u8(out, (uint8_t)v);
            v = 0;
            have = 0;
        }
    }
    if (have == 1 || (padding && have + padding != 4))
        return false;
    if (have >= 2)
        buf_u8(out, (uint8_t)(have == 2 ? v >> 4 : v >> 10));
    if (have == 3)
        buf_u8(out, (uint8_t)(v >> 2));
    return true;
}
