/* SPDX-License-Identifier: MIT */
#include "text/utf8.h"

#include <utf8proc.h>

/* Length of the well-formed sequence at p, or 0; *skip is then how many bytes Java's decoder replaces by one mark. */
static size_t sequence(const uint8_t *p, size_t left, size_t *skip)
{
    static const uint8_t least[] = {0, 0, 0x80, 0xa0, 0x90};
    uint8_t              c = p[0];
    size_t n = c < 0x80 ? 1 : c >= 0xc2 && c < 0xe0 ? 2 : c >= 0xe0 && c < 0xf0 ? 3 : c >= 0xf0 && c < 0xf5 ? 4 : 0;
    *skip = 1;
    if (n <= 1)
        return n;
    uint8_t low = c == 0xe0 || c == 0xf0 ? least[n] : 0x80;
    uint8_t high = c == 0xed ? 0x9f : c == 0xf4 ? 0x8f : 0xbf;
    for (size_t i = 1; i < n; i++) {
        if (i >= left || p[i] < (i == 1 ? low : 0x80) || p[i] > (i == 1 ? high : 0xbf)) {
            *skip = i;
            return 0;
        }
    }
    return n;
}

static size_t ascii_prefix(const uint8_t *p, size_t n)
{
    size_t i = 0;
    for (uint64_t word; i + 8 <= n; i += 8) {
        memcpy(&word, p + i, 8);
        if (word & 0x8080808080808080u)
            break;
    }
    while (i < n && p[i] < 0x80)
        i++;
    return i;
}

bool utf8_is_valid(const uint8_t *bytes, size_t n)
{
    size_t skip;
    for (size_t i = ascii_prefix(bytes, n); i < n;) {
        size_t length = sequence(bytes + i, n - i, &skip);
        if (length == 0)
            return false;
        i += length;
        i += ascii_prefix(bytes + i, n - i);
    }
    return true;
}

void utf8_repair(const uint8_t *bytes, size_t n, struct buf *out)
{
    size_t skip;
    for (size_t i = 0; i < n;) {
        size_t ascii = ascii_prefix(bytes + i, n - i);
        buf_put(out, bytes + i, ascii);
        i += ascii;
        if (i == n)
            return;
        size_t length = sequence(bytes + i, n - i, &skip);
        if (length)
            buf_put(out, bytes + i, length);
        else
            buf_put(out, "\xef\xbf\xbd", 3);
        i += length ? length : skip;
    }
}

static size_t step(uint8_t lead) { return lead < 0x80 ? 1 : lead < 0xe0 ? 2 : lead < 0xf0 ? 3 : 4; }

size_t utf8_length(const uint8_t *bytes, size_t n)
{
    size_t count = 0;
    for (size_t i = 0; i < n; i++)
        count += (bytes[i] & 0xc0) != 0x80;
    return count;
}

size_t utf8_offset(const uint8_t *bytes, size_t n, size_t index)
{
    size_t at = 0;
    while (index-- > 0 && at < n)
        at += step(bytes[at]);
    return at < n ? at : n;
}

static void map_case(const uint8_t *bytes, size_t n, bool upper, struct buf *out)
{
    uint8_t encoded[4];
    for (size_t i = 0; i < n;) {
        if (bytes[i] < 0x80) {
            uint8_t c = bytes[i++];
            bool    letter = upper ? c >= 'a' && c <= 'z' : c >= 'A' && c <= 'Z';
            buf_u8(out, letter ? c ^ 0x20 : c);
            continue;
        }
        utf8proc_int32_t c;
        utf8proc_ssize_t length = utf8proc_iterate(bytes + i, (utf8proc_ssize_t)(n - i), &c);
        if (length <= 0) {
            buf_u8(out, bytes[i++]);
            continue;
        }
        i += (size_t)length;
        if (upper && c == 0xdf) { /* ß: the one full mapping everybody meets */
            buf_puts(out, "SS");
            continue;
        }
        if (!upper && c == 0x130) { /* İ */
            buf_puts(out, "i\xcc\x87");
            continue;
        }
        utf8proc_ssize_t m = utf8proc_encode_char(upper ? utf8proc_toupper(c) : utf8proc_tolower(c), encoded);
        buf_put(out, encoded, (size_t)m);
    }
}

void utf8_lower(const uint8_t *bytes, size_t n, struct buf *out) { map_case(bytes, n, false, out); }

void utf8_upper(const uint8_t *bytes, size_t n, struct buf *out) { map_case(bytes, n, true, out); }
