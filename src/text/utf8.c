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

/* Letters whose capital form is several letters (Unicode SpecialCasing.txt, unconditional), by code point. */
static const struct {
    uint32_t    c;
    const char *upper;
} several[] = {
    /* clang-format off */
    {0x00df, "\x53\x53"}, {0x0149, "\xca\xbc\x4e"}, {0x01f0, "\x4a\xcc\x8c"}, {0x0390, "\xce\x99\xcc\x88\xcc\x81"},
    {0x03b0, "\xce\xa5\xcc\x88\xcc\x81"}, {0x0587, "\xd4\xb5\xd5\x92"}, {0x1e96, "\x48\xcc\xb1"},
    {0x1e97, "\x54\xcc\x88"}, {0x1e98, "\x57\xcc\x8a"}, {0x1e99, "\x59\xcc\x8a"}, {0x1e9a, "\x41\xca\xbe"},
    {0x1f50, "\xce\xa5\xcc\x93"}, {0x1f52, "\xce\xa5\xcc\x93\xcc\x80"}, {0x1f54, "\xce\xa5\xcc\x93\xcc\x81"},
    {0x1f56, "\xce\xa5\xcc\x93\xcd\x82"}, {0x1f80, "\xe1\xbc\x88\xce\x99"}, {0x1f81, "\xe1\xbc\x89\xce\x99"},
    {0x1f82, "\xe1\xbc\x8a\xce\x99"}, {0x1f83, "\xe1\xbc\x8b\xce\x99"}, {0x1f84, "\xe1\xbc\x8c\xce\x99"},
    {0x1f85, "\xe1\xbc\x8d\xce\x99"}, {0x1f86, "\xe1\xbc\x8e\xce\x99"}, {0x1f87, "\xe1\xbc\x8f\xce\x99"},
    {0x1f88, "\xe1\xbc\x88\xce\x99"}, {0x1f89, "\xe1\xbc\x89\xce\x99"}, {0x1f8a, "\xe1\xbc\x8a\xce\x99"},
    {0x1f8b, "\xe1\xbc\x8b\xce\x99"}, {0x1f8c, "\xe1\xbc\x8c\xce\x99"}, {0x1f8d, "\xe1\xbc\x8d\xce\x99"},
    {0x1f8e, "\xe1\xbc\x8e\xce\x99"}, {0x1f8f, "\xe1\xbc\x8f\xce\x99"}, {0x1f90, "\xe1\xbc\xa8\xce\x99"},
    {0x1f91, "\xe1\xbc\xa9\xce\x99"}, {0x1f92, "\xe1\xbc\xaa\xce\x99"}, {0x1f93, "\xe1\xbc\xab\xce\x99"},
    {0x1f94, "\xe1\xbc\xac\xce\x99"}, {0x1f95, "\xe1\xbc\xad\xce\x99"}, {0x1f96, "\xe1\xbc\xae\xce\x99"},
    {0x1f97, "\xe1\xbc\xaf\xce\x99"}, {0x1f98, "\xe1\xbc\xa8\xce\x99"}, {0x1f99, "\xe1\xbc\xa9\xce\x99"},
    {0x1f9a, "\xe1\xbc\xaa\xce\x99"}, {0x1f9b, "\xe1\xbc\xab\xce\x99"}, {0x1f9c, "\xe1\xbc\xac\xce\x99"},
    {0x1f9d, "\xe1\xbc\xad\xce\x99"}, {0x1f9e, "\xe1\xbc\xae\xce\x99"}, {0x1f9f, "\xe1\xbc\xaf\xce\x99"},
    {0x1fa0, "\xe1\xbd\xa8\xce\x99"}, {0x1fa1, "\xe1\xbd\xa9\xce\x99"}, {0x1fa2, "\xe1\xbd\xaa\xce\x99"},
    {0x1fa3, "\xe1\xbd\xab\xce\x99"}, {0x1fa4, "\xe1\xbd\xac\xce\x99"}, {0x1fa5, "\xe1\xbd\xad\xce\x99"},
    {0x1fa6, "\xe1\xbd\xae\xce\x99"}, {0x1fa7, "\xe1\xbd\xaf\xce\x99"}, {0x1fa8, "\xe1\xbd\xa8\xce\x99"},
    {0x1fa9, "\xe1\xbd\xa9\xce\x99"}, {0x1faa, "\xe1\xbd\xaa\xce\x99"}, {0x1fab, "\xe1\xbd\xab\xce\x99"},
    {0x1fac, "\xe1\xbd\xac\xce\x99"}, {0x1fad, "\xe1\xbd\xad\xce\x99"}, {0x1fae, "\xe1\xbd\xae\xce\x99"},
    {0x1faf, "\xe1\xbd\xaf\xce\x99"}, {0x1fb2, "\xe1\xbe\xba\xce\x99"}, {0x1fb3, "\xce\x91\xce\x99"},
    {0x1fb4, "\xce\x86\xce\x99"}, {0x1fb6, "\xce\x91\xcd\x82"}, {0x1fb7, "\xce\x91\xcd\x82\xce\x99"},
    {0x1fbc, "\xce\x91\xce\x99"}, {0x1fc2, "\xe1\xbf\x8a\xce\x99"}, {0x1fc3, "\xce\x97\xce\x99"},
    {0x1fc4, "\xce\x89\xce\x99"}, {0x1fc6, "\xce\x97\xcd\x82"}, {0x1fc7, "\xce\x97\xcd\x82\xce\x99"},
    {0x1fcc, "\xce\x97\xce\x99"}, {0x1fd2, "\xce\x99\xcc\x88\xcc\x80"}, {0x1fd3, "\xce\x99\xcc\x88\xcc\x81"},
    {0x1fd6, "\xce\x99\xcd\x82"}, {0x1fd7, "\xce\x99\xcc\x88\xcd\x82"}, {0x1fe2, "\xce\xa5\xcc\x88\xcc\x80"},
    {0x1fe3, "\xce\xa5\xcc\x88\xcc\x81"}, {0x1fe4, "\xce\xa1\xcc\x93"}, {0x1fe6, "\xce\xa5\xcd\x82"},
    {0x1fe7, "\xce\xa5\xcc\x88\xcd\x82"}, {0x1ff2, "\xe1\xbf\xba\xce\x99"}, {0x1ff3, "\xce\xa9\xce\x99"},
    {0x1ff4, "\xce\x8f\xce\x99"}, {0x1ff6, "\xce\xa9\xcd\x82"}, {0x1ff7, "\xce\xa9\xcd\x82\xce\x99"},
    {0x1ffc, "\xce\xa9\xce\x99"}, {0xfb00, "\x46\x46"}, {0xfb01, "\x46\x49"}, {0xfb02, "\x46\x4c"},
    {0xfb03, "\x46\x46\x49"}, {0xfb04, "\x46\x46\x4c"}, {0xfb05, "\x53\x54"}, {0xfb06, "\x53\x54"},
    {0xfb13, "\xd5\x84\xd5\x86"}, {0xfb14, "\xd5\x84\xd4\xb5"}, {0xfb15, "\xd5\x84\xd4\xbb"},
    {0xfb16, "\xd5\x8e\xd5\x86"}, {0xfb17, "\xd5\x84\xd4\xbd"},
    /* clang-format on */
};

static const char *several_letters(utf8proc_int32_t c)
{
    size_t low = 0, high = sizeof several / sizeof several[0];
    while (low < high) {
        size_t middle = (low + high) / 2;
        if (several[middle].c == (uint32_t)c)
            return several[middle].upper;
        if (several[middle].c < (uint32_t)c)
            low = middle + 1;
        else
            high = middle;
    }
    return NULL;
}

/* For Java's rule of the capital sigma: 1 a letter with case, 0 something else, -1 looked through. */
static int sigma_neighbour(const uint8_t *bytes, size_t n, size_t *length)
{
    utf8proc_int32_t    c;
    utf8proc_ssize_t    got = utf8proc_iterate(bytes, (utf8proc_ssize_t)n, &c);
    utf8proc_category_t k = got > 0 ? utf8proc_category(c) : UTF8PROC_CATEGORY_CN;
    *length = got > 0 ? (size_t)got : 1;
    if (k == UTF8PROC_CATEGORY_MN || k == UTF8PROC_CATEGORY_CF || (got > 0 && (c == '\'' || c == 0xb7)))
        return -1;
    return k == UTF8PROC_CATEGORY_LU || k == UTF8PROC_CATEGORY_LL || k == UTF8PROC_CATEGORY_LT;
}

/* At the end of a word the capital sigma becomes another letter: a letter before it and none behind. */
static bool ends_word(const uint8_t *bytes, size_t from, size_t to, size_t n)
{
    size_t length;
    int    before = -1, behind = -1;
    while (before < 0 && from > 0) {
        size_t start = from - 1;
        while (start > 0 && from - start < 4 && (bytes[start] & 0xc0) == 0x80)
            start--;
        before = sigma_neighbour(bytes + start, from - start, &length);
        from = start;
    }
    while (before > 0 && behind < 0 && to < n) {
        behind = sigma_neighbour(bytes + to, n - to, &length);
        to += length;
    }
    return before > 0 && behind <= 0;
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
        const char *letters = upper ? several_letters(c) : NULL;
        if (letters) {
            buf_puts(out, letters);
            continue;
        }
        if (!upper && c == 0x3a3 && ends_word(bytes, i - (size_t)length, i, n)) {
            buf_puts(out, "\xcf\x82"); /* ς */
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

enum utf8_class utf8_classify(const uint8_t *bytes, size_t n)
{
    utf8proc_int32_t    c;
    utf8proc_category_t k =
        utf8proc_iterate(bytes, (utf8proc_ssize_t)n, &c) > 0 ? utf8proc_category(c) : UTF8PROC_CATEGORY_CN;
    return k == UTF8PROC_CATEGORY_LU   ? UTF8_UPPER
           : k == UTF8PROC_CATEGORY_LL ? UTF8_LOWER
           : k == UTF8PROC_CATEGORY_ND ? UTF8_DIGIT
                                       : UTF8_OTHER;
}
