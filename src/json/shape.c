/* SPDX-License-Identifier: MIT */
#include "json/shape.h"

#include <string.h>
#ifdef __SSE2__
#include <emmintrin.h>
#endif

#include "text/time.h"
#include "text/utf8.h"

#define STEPS_MAX 256
#define FIXED_MAX 256
#define WORDS_MAX 1024 /* of literals */
#define DEPTH_MAX 32
#define DIGITS_MAX 18   /* fit an int64 whatever they are */
#define EXACT_DIGITS 15 /* a double holds them, and powers of ten up to 22, exactly: one division rounds once */
#define TRUST_MAX 256
#define TRUST_LOST 4               /* by a document that does not fit */
#define TRUST_NEW (2 * TRUST_LOST) /* by one of the first shapes */
#define TRY_EVERY 64               /* documents, without trust */

struct step {
    struct json_node *node;       /* whose value follows the literal; NULL: nobody's, but it must be JSON */
    uint32_t          word, size; /* the literal: size bytes from words[word] on, the last word padded with zeros */
};

struct fixed { /* a struct that is there, or a field that is not, in every document of the shape */
    struct json_node *node;
    enum slot_kind    kind;
};

/* The last step is the text behind the last value and has no value of its own. */
struct shape {
    uint32_t      n_steps, n_fixed;
    struct step  *steps;
    struct fixed *fixed;
    uint64_t      words[];
};

/* ---- reading ---- */

static inline uint64_t word_at(const uint8_t *p)
{
    uint64_t word;
    memcpy(&word, p, sizeof word);
    return word;
}

static inline bool is_digit(uint8_t c) { return (uint8_t)(c - '0') < 10; }

#ifdef __SSE2__

static inline __m128i block_at(const void *p) { return _mm_loadu_si128((const __m128i *)p); }

/* Compares whole blocks: what may be read behind the text, and behind the words, covers the last one. */
static inline bool literal_is(const uint8_t *p, const uint64_t *words, uint32_t size)
{
    for (; size > 16; size -= 16, p += 16, words += 2)
        if (_mm_movemask_epi8(_mm_cmpeq_epi8(block_at(p), block_at(words))) != 0xffff)
            return false;
    return (~(unsigned)_mm_movemask_epi8(_mm_cmpeq_epi8(block_at(p), block_at(words))) << (32 - size)) == 0;
}

/* Bits of the bytes of a block that end a plain text: quote, escape, control character. */
static inline unsigned stops_in(__m128i block)
{
    __m128i control = _mm_cmpeq_epi8(_mm_min_epu8(block, _mm_set1_epi8(0x1f)), block);
    __m128i quote = _mm_cmpeq_epi8(block, _mm_set1_epi8('"')), escape = _mm_cmpeq_epi8(block, _mm_set1_epi8('\\'));
    return (unsigned)_mm_movemask_epi8(_mm_or_si128(control, _mm_or_si128(quote, escape)));
}

/* Bytes above 0x7f, a bit each, among 32. */
static inline unsigned above_ascii(__m128i low, __m128i high)
{
    return (unsigned)_mm_movemask_epi8(low) | (unsigned)_mm_movemask_epi8(high) << 16;
}

/* The closing quote of a text without escapes from p on, or NULL; *ascii: no byte of it is above 0x7f. */
static inline const uint8_t *text_end(const uint8_t *p, const uint8_t *end, bool *ascii)
{
    for (unsigned before = 0; p < end; p += 32) {
        __m128i  low = block_at(p), high = block_at(p + 16);
        unsigned stops = stops_in(low) | stops_in(high) << 16;
        if (stops) {
            *ascii = !before && (!_mm_movemask_epi8(_mm_or_si128(low, high)) || /* what follows may be text of others */
                                 !(above_ascii(low, high) & ((stops & -stops) - 1)));
            p += __builtin_ctz(stops);
            return *p == '"' && p < end ? p : NULL;
        }
        before |= above_ascii(low, high);
    }
    return NULL;
}

#else

static bool literal_is(const uint8_t *p, const uint64_t *words, uint32_t size) { return memcmp(p, words, size) == 0; }

static const uint8_t *text_end(const uint8_t *p, const uint8_t *end, bool *ascii)
{
    unsigned all = 0;
    for (; p < end && *p != '"' && *p != '\\' && *p > 0x1f; p++)
        all |= *p;
    *ascii = all < 0x80;
    return p < end && *p == '"' ? p : NULL;
}

#endif

/* p behind the opening quote; gives what follows the closing one. */
static const uint8_t *read_text(struct json_node *node, const uint8_t *p, const uint8_t *end, int64_t now_us)
{
    bool           ascii;
    int32_t        days;
    const uint8_t *to = text_end(p, end, &ascii);
    if (!to || (!ascii && !utf8_is_valid(p, (size_t)(to - p))))
        return NULL;
    if (!node)
        return to + 1;
    node->slot.kind = SLOT_SET;
    if (node->want == WANT_STRING) {
        node->slot.in_scratch = false;
        node->slot.bytes.text = p;
        node->slot.bytes.length = (size_t)(to - p);
        return to + 1;
    }
    switch ((int)node->want) {
    case WANT_TIMESTAMP:
        return timestamp_parse((const char *)p, (size_t)(to - p), now_us, &node->slot.integer) ? to + 1 : NULL;
    case WANT_DATE:
        if (!date_parse((const char *)p, (size_t)(to - p), &days))
            return NULL;
        node->slot.integer = days;
        return to + 1;
    default:
        return NULL;
    }
}

/* The digits at p, DIGITS_MAX at most, eight in one go: they are the bytes of a little-endian word, of which those
 * behind the first other character are shifted out. Gives what follows them. */
static const uint8_t *read_digits(const uint8_t *p, uint64_t *value)
{
    static const uint64_t powers[] = {1, 10, 100, 1000, 10000, 100000, 1000000, 10000000, 100000000};
    *value = 0;
    for (int most = DIGITS_MAX, n = 8; n == 8; most -= n, p += n) {
        uint64_t word = word_at(p) - 0x3030303030303030u;
        uint64_t others = (word | (word + 0x7676767676767676u)) & 0x8080808080808080u;
        n = others ? __builtin_ctzll(others) / 8 : 8;
        n = n < most ? n : most;
        if (n == 0)
            break;
        word <<= 64 - 8 * n;
        word = word * 10 + (word >> 8); /* pairs, then all four of them at once */
        word = ((word & 0x000000ff000000ffu) * 0x000f424000000064u +
                (word >> 16 & 0x000000ff000000ffu) * 0x0000271000000001u) >>
               32;
        *value = *value * powers[n] + (uint32_t)word;
    }
    return p;
}

static bool set_decimal(struct json_node *node, int64_t v, int scale)
{
    return decimal_rescale((struct decimal){v, scale}, DECIMAL_HALF_UP, node->precision, node->scale,
                           &node->slot.decimal);
}

static bool set_integer(struct json_node *node, int64_t v)
{
    switch ((int)node->want) {
    case WANT_TINYINT:
        node->slot.integer = v;
        return v >= INT8_MIN && v <= INT8_MAX;
    case WANT_SMALLINT:
        node->slot.integer = v;
        return v >= INT16_MIN && v <= INT16_MAX;
    case WANT_INT:
        node->slot.integer = v;
        return v >= INT32_MIN && v <= INT32_MAX;
    case WANT_BIGINT:
        node->slot.integer = v;
        return true;
    case WANT_TIMESTAMP: /* seconds */
        return !__builtin_mul_overflow(v, 1000000, &node->slot.integer);
    case WANT_DECIMAL:
        return set_decimal(node, v, 0);
    case WANT_DOUBLE: /* the integer -0 is the parser's */
        node->slot.real = (double)v;
        return v != 0;
    default:
        return false;
    }
}

/* A fraction behind the digits of v: few enough digits that the division is the only rounding. */
static const uint8_t *read_fraction(struct json_node *node, const uint8_t *first, const uint8_t *p, bool negative)
{
    static const double powers[] = {1e0, 1e1, 1e2,  1e3,  1e4,  1e5,  1e6,  1e7,
                                    1e8, 1e9, 1e10, 1e11, 1e12, 1e13, 1e14, 1e15};
    uint64_t            digits = 0;
    size_t              n_whole = (size_t)(p - first), n = 0;
    for (const uint8_t *d = first; d < p; d++)
        digits = digits * 10 + (uint64_t)(*d - '0');
    for (p++; is_digit(*p) && n_whole + n < EXACT_DIGITS; n++)
        digits = digits * 10 + (uint64_t)(*p++ - '0');
    if (n == 0 || n_whole > EXACT_DIGITS || is_digit(*p) || *p == 'e' || *p == 'E')
        return NULL;
    if (!node)
        return p;
    node->slot.kind = SLOT_SET;
    if (node->want == WANT_DECIMAL)
        return set_decimal(node, negative ? -(int64_t)digits : (int64_t)digits, (int)n) ? p : NULL;
    node->slot.real = (double)digits / powers[n];
    node->slot.real = negative ? -node->slot.real : node->slot.real;
    return node->want == WANT_DOUBLE ? p : NULL;
}

static const uint8_t *read_number(struct json_node *node, const uint8_t *p)
{
    uint64_t       v;
    bool           negative = *p == '-';
    const uint8_t *first = p += negative;
    p = read_digits(p, &v);
    if (p == first || (*first == '0' && p - first > 1) || is_digit(*p) || *p == 'e' || *p == 'E')
        return NULL;
    if (*p == '.')
        return read_fraction(node, first, p, negative);
    if (!node)
        return p;
    node->slot.kind = SLOT_SET;
    return set_integer(node, negative ? -(int64_t)v : (int64_t)v) ? p : NULL;
}

static const uint8_t *read_word(struct json_node *node, const uint8_t *p)
{
    bool truth = memcmp(p, "true", 4) == 0;
    if (memcmp(p, "null", 4) == 0) {
        if (node)
            node->slot.kind = SLOT_NULL;
        return p + 4;
    }
    if (!truth && memcmp(p, "false", 5) != 0)
        return NULL;
    if (node) {
        node->slot.kind = SLOT_SET;
        node->slot.integer = truth;
    }
    return !node || node->want == WANT_BOOLEAN ? p + (truth ? 4 : 5) : NULL;
}

static bool read(const struct shape *s, const uint8_t *p, size_t n, int64_t now_us)
{
    const uint8_t *end = p + n;
    for (uint32_t i = 0; i < s->n_steps; i++) {
        const struct step *step = &s->steps[i];
        if (step->size > (size_t)(end - p) || !literal_is(p, s->words + step->word, step->size))
            return false;
        p += step->size;
        if (i + 1 == s->n_steps)
            break;
        p = *p == '"'                   ? read_text(step->node, p + 1, end, now_us)
            : *p == '-' || is_digit(*p) ? read_number(step->node, p)
                                        : read_word(step->node, p);
        if (!p || p >= end)
            return false;
    }
    if (p != end)
        return false;
    for (uint32_t i = 0; i < s->n_fixed; i++)
        s->fixed[i].node->slot.kind = s->fixed[i].kind;
    return true;
}

bool shapes_read(struct shapes *s, const uint8_t *text, size_t n, int64_t now_us)
{
    if (s->n == 0 || (s->trust == 0 && ++s->skipped % TRY_EVERY != 0))
        return false;
    for (int i = 0; i < s->n; i++) {
        struct shape *shape = s->known[i];
        if (!read(shape, text, n, now_us))
            continue;
        s->known[i] = s->known[0];
        s->known[0] = shape;
        s->trust += s->trust < TRUST_MAX;
        return true;
    }
    s->trust = s->trust > TRUST_LOST ? s->trust - TRUST_LOST : 0;
    s->skipped = 1;
    return false;
}

/* ---- learning ---- */

struct learner {
    const uint8_t *p, *end, *last; /* last: behind the value before */
    struct step    steps[STEPS_MAX];
    struct fixed   fixed[FIXED_MAX];
    uint64_t       words[WORDS_MAX];
    uint32_t       n_steps, n_fixed, n_words;
};

static bool is_space(uint8_t c) { return c == ' ' || c == '\t' || c == '\n' || c == '\r'; }

static uint8_t next_byte(struct learner *l)
{
    while (l->p < l->end && is_space(*l->p))
        l->p++;
    return l->p < l->end ? *l->p : 0;
}

/* At a quote: moves behind the closing one. */
static bool pass_text(struct learner *l)
{
    for (l->p++; l->p < l->end && *l->p != '"'; l->p++)
        l->p += *l->p == '\\';
    return l->p++ < l->end;
}

static bool add_step(struct learner *l, struct json_node *node)
{
    uint32_t size = (uint32_t)(l->p - l->last), n_words = (size + 7) / 8;
    if (l->n_steps == STEPS_MAX || size == 0 || n_words > WORDS_MAX - l->n_words)
        return false;
    l->steps[l->n_steps++] = (struct step){.node = node, .word = l->n_words, .size = size};
    l->words[l->n_words + n_words - 1] = 0;
    memcpy(l->words + l->n_words, l->last, size);
    l->n_words += n_words;
    return true;
}

static struct json_node *child_of(struct json_node *parent, const uint8_t *name, size_t n)
{
    for (size_t i = 0; parent && i < parent->n_children; i++)
        if (parent->children[i].name_length == n && memcmp(parent->children[i].name, name, n) == 0)
            return &parent->children[i];
    return NULL;
}

static bool learn_value(struct learner *l, struct json_node *node, int depth);

static bool learn_members(struct learner *l, struct json_node *node, bool object, int depth)
{
    uint8_t close = object ? '}' : ']';
    l->p++;
    if (next_byte(l) == close)
        return l->p++ < l->end;
    for (;;) {
        struct json_node *child = NULL;
        const uint8_t    *name = l->p + 1;
        if (object) {
            if (next_byte(l) != '"')
                return false;
            name = l->p + 1;
            if (!pass_text(l))
                return false;
            child = child_of(node, name, (size_t)(l->p - 1 - name));
            if (next_byte(l) != ':')
                return false;
            l->p++;
        }
        if (!learn_value(l, child, depth + 1))
            return false;
        uint8_t c = next_byte(l);
        l->p++;
        if (c != ',')
            return c == close;
        next_byte(l);
    }
}

static bool is_read_here(enum json_want want)
{
    switch ((int)want) {
    case WANT_BOOLEAN:
    case WANT_TINYINT:
    case WANT_SMALLINT:
    case WANT_INT:
    case WANT_BIGINT:
    case WANT_DOUBLE:
    case WANT_DECIMAL:
    case WANT_STRING:
    case WANT_DATE:
    case WANT_TIMESTAMP:
    case WANT_STRUCT: /* null */
        return true;
    default:
        return false;
    }
}

/* Marks nodes: SLOT_SET a struct that is there, SLOT_NULL a value that is read. */
static bool learn_value(struct learner *l, struct json_node *node, int depth)
{
    uint8_t c = next_byte(l);
    if (depth > DEPTH_MAX || c == 0)
        return false;
    if (c == '{' || c == '[') {
        if (node && (c == '[' || node->want != WANT_STRUCT))
            return false;
        if (node)
            node->slot.kind = SLOT_SET;
        return learn_members(l, node, c == '{', depth);
    }
    if ((node && !is_read_here(node->want)) || !add_step(l, node))
        return false;
    if (node)
        node->slot.kind = SLOT_NULL;
    if (c == '"' && !pass_text(l))
        return false;
    while (c != '"' && l->p < l->end && *l->p != ',' && *l->p != '}' && *l->p != ']' && !is_space(*l->p))
        l->p++;
    l->last = l->p;
    return true;
}

static void forget(struct json_node *node)
{
    for (size_t i = 0; i < node->n_children; i++) {
        node->children[i].slot.kind = SLOT_MISSING;
        forget(&node->children[i]);
    }
}

static bool add_fixed(struct learner *l, struct json_node *node)
{
    for (size_t i = 0; i < node->n_children; i++) {
        struct json_node *child = &node->children[i];
        if (child->slot.kind != SLOT_NULL) {
            if (l->n_fixed == FIXED_MAX)
                return false;
            l->fixed[l->n_fixed++] = (struct fixed){.node = child, .kind = child->slot.kind};
        }
        if (!add_fixed(l, child))
            return false;
    }
    return true;
}

static struct shape *make(const struct learner *l)
{
    size_t        words = (l->n_words + 2) * sizeof(uint64_t), steps = l->n_steps * sizeof(struct step);
    struct shape *s = mem_alloc(TAG_BATCH, sizeof *s + words + steps + l->n_fixed * sizeof(struct fixed));
    if (!s)
        return NULL;
    s->n_steps = l->n_steps;
    s->n_fixed = l->n_fixed;
    s->steps = (struct step *)(void *)(s->words + l->n_words + 2);
    s->fixed = (struct fixed *)(void *)(s->steps + l->n_steps);
    memcpy(s->words, l->words, l->n_words * sizeof *l->words);
    memcpy(s->steps, l->steps, steps);
    memcpy(s->fixed, l->fixed, l->n_fixed * sizeof *l->fixed);
    return s;
}

void shapes_learn(struct shapes *s, struct json_node *root, const uint8_t *text, size_t n)
{
    if (s->n && s->trust == 0 && s->skipped % TRY_EVERY != 0)
        return;
    struct learner l = {.p = text, .end = text + n, .last = text};
    forget(root);
    if (next_byte(&l) != '{' || !learn_value(&l, root, 0) || l.n_steps == 0)
        return;
    l.p = l.end;
    if (!add_step(&l, NULL) || !add_fixed(&l, root))
        return;
    struct shape *made = make(&l);
    if (!made)
        return;
    if (s->n == SHAPES_MAX)
        mem_free(s->known[--s->n]);
    else
        s->trust += TRUST_NEW;
    s->known[s->n++] = made;
    s->trust += s->trust == 0;
}

void shapes_fini(struct shapes *s)
{
    while (s->n)
        mem_free(s->known[--s->n]);
}
