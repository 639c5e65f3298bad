/* SPDX-License-Identifier: MIT */
/*
 * approx_count_distinct: HyperLogLog++ with Spark's hash (XXH64, seed 42), registers and bias correction, so that the
 * number is Spark's. Source: Spark's HyperLogLogPlusPlusHelper and XxHash64Function. See agg.h.
 */
#include <math.h>

#include "base/hash.h"
#include "window/agg_priv.h"
#include "window/sketch_tables.h"

#define SEED 42
#define NEIGHBOURS 6 /* estimates that the bias is taken from */

struct sketch {
    uint8_t *registers; /* one per index; NULL: no value yet */
};

static struct sketch       *sketch(uint8_t *state) { return (struct sketch *)(void *)state; }
static const struct sketch *sketch_c(const uint8_t *state) { return (const struct sketch *)(const void *)state; }
static int                  bits_of(const struct agg *a) { return agg__sketch_precision(a->constants[0]); }

int agg__sketch_precision(double relative_error)
{
    double bits = relative_error > 0 ? ceil(2.0 * log(1.106 / relative_error) / log(2.0)) : 1000;
    return bits < 0 ? 0 : bits > 1000 ? 1000 : (int)bits;
}

/* ---- hashing, as XxHash64Function does by type ---- */

static uint64_t hash_i32(int32_t v) { return xxh64(&v, sizeof v, SEED); }

static uint64_t hash_real(double v) /* a NaN is one, and so is a zero */
{
    v = isnan(v) ? NAN : v == 0 ? 0 : v;
    uint64_t bits = 0x7ff8000000000000;
    if (!isnan(v))
        memcpy(&bits, &v, sizeof bits);
    return xxh64(&bits, sizeof bits, SEED);
}

static uint64_t hash_single(float v)
{
    uint32_t bits = 0x7fc00000;
    v = v == 0 ? 0 : v;
    if (!isnan(v))
        memcpy(&bits, &v, sizeof bits);
    return xxh64(&bits, sizeof bits, SEED);
}

/* The unscaled value as a long; of more than 18 digits as the bytes of Java's BigInteger, the fewest that hold it. */
static uint64_t hash_decimal(int128 v, int precision)
{
    uint8_t  bytes[sizeof v];
    uint32_t n = sizeof v;
    int64_t  small = (int64_t)v;
    if (precision <= 18)
        return xxh64(&small, sizeof small, SEED);
    for (uint32_t i = 0; i < n; i++)
        bytes[i] = (uint8_t)((uint128)v >> (8 * (n - 1 - i)));
    uint32_t from = 0;
    while (from + 1 < n && bytes[from] == (v < 0 ? 0xff : 0) && (bytes[from + 1] & 0x80) == (v < 0 ? 0x80 : 0))
        from++;
    return xxh64(bytes + from, n - from, SEED);
}

static uint64_t hash_value(const struct column *c, uint32_t row)
{
    uint32_t       n;
    const uint8_t *bytes;
    switch ((int)c->type->kind) { /* the rest is of eight bytes */
    case TYPE_BOOLEAN:
    case TYPE_TINYINT:
        return hash_i32(((const int8_t *)c->values)[row]);
    case TYPE_SMALLINT:
        return hash_i32(((const int16_t *)c->values)[row]);
    case TYPE_INT:
    case TYPE_DATE:
        return hash_i32(column_i32(c)[row]);
    case TYPE_FLOAT:
        return hash_single(((const float *)c->values)[row]);
    case TYPE_DOUBLE:
        return hash_real(column_f64(c)[row]);
    case TYPE_DECIMAL:
        return hash_decimal(column_i128(c)[row], c->type->precision);
    case TYPE_STRING:
    case TYPE_BINARY:
        bytes = column_bytes(c, row, &n);
        return xxh64(bytes, n, SEED);
    default:
        return xxh64(&column_i64(c)[row], sizeof(int64_t), SEED);
    }
}

/* ---- registers ---- */

static enum err make_registers(const struct agg *a, struct sketch *s, struct error *e)
{
    if (!s->registers && !(s->registers = mem_zalloc(TAG_STATE, (size_t)1 << bits_of(a))))
        return err_set(e, ERR_NO_MEMORY, "approx_count_distinct");
    return OK;
}

static enum err sketch_update(const struct agg *a, uint8_t *const *states, uint32_t at,
                              const struct column *const *arguments, const uint32_t *rows, uint32_t n, struct error *e)
{
    int bits = bits_of(a);
    for (uint32_t k = 0; k < n; k++) {
        struct sketch *s = sketch(states[k] + at);
        if (!column_is_valid(arguments[0], rows[k]))
            continue;
        TRY(make_registers(a, s, e));
        uint64_t hash = hash_value(arguments[0], rows[k]);
        uint8_t *to = &s->registers[hash >> (64 - bits)];
        uint8_t  zeros = (uint8_t)(__builtin_clzll(hash << bits | (uint64_t)1 << (bits - 1)) + 1);
        if (zeros > *to)
            *to = zeros;
    }
    return OK;
}

static enum err sketch_merge(const struct agg *a, uint8_t *into, const uint8_t *from, struct error *e)
{
    const uint8_t *other = sketch_c(from)->registers;
    size_t         m = (size_t)1 << bits_of(a);
    if (!other)
        return OK;
    TRY(make_registers(a, sketch(into), e));
    uint8_t *registers = sketch(into)->registers;
    for (size_t i = 0; i < m; i++)
        registers[i] = registers[i] < other[i] ? other[i] : registers[i];
    return OK;
}

static void sketch_save(const struct agg *a, const uint8_t *state, struct buf *out)
{
    const uint8_t *registers = sketch_c(state)->registers;
    buf_bytes(out, registers, registers ? (size_t)1 << bits_of(a) : 0);
}

static enum err sketch_load(const struct agg *a, uint8_t *state, struct view *in, struct error *e)
{
    uint32_t       n;
    const uint8_t *bytes = view_bytes(in, &n);
    TRY(agg__check_view(in, e));
    if (n == 0)
        return OK;
    if (n != (uint32_t)1 << bits_of(a))
        return err_set(e, ERR_CORRUPT, "a saved sketch has %u registers", n);
    TRY(make_registers(a, sketch(state), e));
    memcpy(sketch(state)->registers, bytes, n);
    return OK;
}

static void sketch_free(uint8_t *state)
{
    mem_free(sketch(state)->registers);
    sketch(state)->registers = NULL;
}

/* ---- the estimate ---- */

/* Mean bias of the nearest raw estimates that were measured. */
static double bias(int bits, double estimate)
{
    const double *raw = sketch_estimates + sketch_starts[bits - 4], *biases = sketch_biases + sketch_starts[bits - 4];
    int           n = sketch_starts[bits - 3] - sketch_starts[bits - 4], low = 0, high = n;
    while (low < high) { /* the first that is not below */
        int middle = (low + high) / 2;
        if (raw[middle] < estimate)
            low = middle + 1;
        else
            high = middle;
    }
    low = low - NEIGHBOURS + 1 > 0 ? low - NEIGHBOURS + 1 : 0;
    high = low + NEIGHBOURS < n ? low + NEIGHBOURS : n;
    while (high < n &&
           (estimate - raw[high]) * (estimate - raw[high]) < (estimate - raw[low]) * (estimate - raw[low])) {
        low++;
        high++;
    }
    double sum = 0;
    for (int i = low; i < high; i++)
        sum += biases[i];
    return sum / (high - low);
}

static double corrected(int bits, double m, double estimate)
{
    return estimate < 5.0 * m ? estimate - bias(bits, estimate) : estimate;
}

static double estimate(int bits, const uint8_t *registers)
{
    /* up to here counting the empty registers is better than their harmonic mean */
    static const double thresholds[] = {10,   20,   40,    80,    220,   400,    900,   1800,
                                        3100, 6500, 15500, 20000, 50000, 120000, 350000};
    double              m = (double)((size_t)1 << bits), inverse = 0, empty = 0;
    double              alpha = bits == 4 ? 0.673 : bits == 5 ? 0.697 : bits == 6 ? 0.709 : 0.7213 / (1.0 + 1.079 / m);
    for (size_t i = 0; i < (size_t)1 << bits; i++) {
        inverse += 1.0 / (double)((uint64_t)1 << registers[i]);
        empty += registers[i] == 0;
    }
    double raw = alpha * m * m / inverse;
    if (empty == 0)
        return corrected(bits, m, raw);
    double linear = m * log(m / empty);
    return linear <= thresholds[bits - 4] || raw <= 2.5 * m ? linear : corrected(bits, m, raw);
}

static enum err sketch_result(const struct agg *a, const uint8_t *state, struct builder *into, struct error *e)
{
    const uint8_t *registers = sketch_c(state)->registers;
    (void)e;
    builder_i64(into, registers ? (int64_t)floor(estimate(bits_of(a), registers) + 0.5) : 0);
    return OK;
}

static const struct agg_ops sketch_ops = {"approx_count_distinct", sizeof(struct sketch), sketch_update, sketch_merge,
                                          sketch_result,           sketch_save,           sketch_load,   sketch_free};

const struct agg_ops *agg__approx_count_distinct(const struct type *t)
{
    return t->kind < TYPE_STRUCT ? &sketch_ops : NULL;
}
