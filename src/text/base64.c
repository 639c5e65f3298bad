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

int base64_digit(uint32_t c)
{
    const char *at = c && c < 0x80 ? strchr(alphabet, (int)c) : NULL;
    return at ? (int)(at - alphabet) : -1;
}

/* One group of four at text, with what padding it has; how many bytes it gave, 0 when it is none. */
static int decode_group(const char *text, struct buf *out)
{
    int      bytes = text[3] != '=' ? 3 : text[2] != '=' ? 2 : 1;
    uint32_t v = 0;
    for (int i = 0; i < 4; i++) {
        int digit = i <= bytes ? base64_digit((uint8_t)text[i]) : 0;
        if (digit < 0)
            return 0;
        v = v << 6 | (uint32_t)digit;
    }
    for (int i = 0; i < bytes; i++)
        buf_u8(out, (uint8_t)(v >> (16 - 8 * i)));
    return bytes;
}

bool base64_decode_padded(const char *text, size_t n, struct buf *out)
{
    for (;; text += 4, n -= 4) {
        for (; n > 0 && (uint8_t)*text <= ' '; text++)
            n--;
        if (n == 0)
            return true;
        if (n < 4 || !decode_group(text, out))
            return false;
    }
}

bool base64_decode(const char *text, size_t n, struct buf *out)
{
    uint32_t v = 0;
    int      have = 0, padding = 0;
    for (size_t i = 0; i < n; i++) {
        int digit = base64_digit((uint8_t)text[i]);
        if (text[i] == '=') {
            padding++;
            continue;
        }
        if (digit < 0)
            continue;
        if (padding)
            return false;
        v = v << 6 | (uint32_t)digit;
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
