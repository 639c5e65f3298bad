/* SPDX-License-Identifier: MIT */
/*
 * format_string(pattern, ..) and printf: java.util.Formatter over a pattern that is a constant, so that what it cannot
 * print is told at check. Binding and kernel.
 */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#include "expr/kernel_tools.h"
#include "text/number.h"

#define WIDTH_MAX 1000
#define DIGITS_MAX 1100 /* of a DOUBLE as it stands, and its precision behind the point */

struct item { /* a text, then an argument */
    struct text before;
    char        conversion;                 /* 0: none, the pattern ends */
    int         argument, width, precision; /* width 0, precision -1: not given */
    bool        left, zero, plus, blank, comma, bracket;
};

struct format {
    struct item *items;
    int          n;
};

/* ---- binding ---- */

struct parser {
    struct expr_binder *b;
    const struct expr  *x;
    const char         *at, *end;
    int                 next; /* argument without a number */
};

static bool bad(struct parser *p, const char *what, const char *hint)
{
    struct diag *g = diag_error(p->b->diags, p->x->args[0]->place, "E_PATTERN", "%s", what);
    if (hint)
        diag_hint(p->b->diags, g, "%s", hint);
    return false;
}

static int number(struct parser *p)
{
    int v = 0;
    for (; p->at < p->end && *p->at >= '0' && *p->at <= '9'; p->at++)
        v = v < 100000 ? v * 10 + *p->at - '0' : v;
    return v;
}

static void flags(struct parser *p, struct item *i)
{
    for (; p->at < p->end; p->at++) {
        bool *flag = *p->at == '-'   ? &i->left
                     : *p->at == '0' ? &i->zero
                     : *p->at == '+' ? &i->plus
                     : *p->at == ' ' ? &i->blank
                     : *p->at == ',' ? &i->comma
                     : *p->at == '(' ? &i->bracket
                                     : NULL;
        if (!flag)
            return;
        *flag = true;
    }
}

/* Behind the %: [n$] flags [width] [.precision] conversion */
static bool specification(struct parser *p, struct item *i)
{
    const char *from = p->at;
    int         index = number(p);
    if (index && p->at < p->end && *p->at == '$')
        p->at++;
    else {
        index = 0;
        p->at = from;
    }
    flags(p, i);
    i->width = number(p);
    i->precision = -1;
    if (p->at < p->end && *p->at == '.') {
        p->at++;
        i->precision = number(p);
    }
    if (p->at == p->end)
        return bad(p, "the pattern ends within a %", NULL);
    i->conversion = *p->at++;
    if (i->width > WIDTH_MAX || i->precision > WIDTH_MAX)
        return bad(p, "a width or precision of the pattern is above 1000", NULL);
    if (i->conversion != '%' && i->conversion != 'n')
        i->argument = index ? index : ++p->next;
    return true;
}

static bool fits(char conversion, const struct type *t)
{
    bool whole = type_is_integer(t), real = is_real(t), null = t->kind == TYPE_NULL;
    switch (conversion) {
    case 's':
        return whole || real || null || t->kind == TYPE_STRING || t->kind == TYPE_BOOLEAN;
    case 'd':
    case 'x':
    case 'X':
        return whole || null;
    case 'f':
    case 'e':
        return real || null;
    default:
        return true;
    }
}

static bool check(struct parser *p, const struct item *i)
{
    static const char known[] = "sdxXfeb%n";
    bool              number_ = i->conversion == 'd' || i->conversion == 'f' || i->conversion == 'e';
    bool              hex = i->conversion == 'x' || i->conversion == 'X', signs = i->plus || i->blank || i->bracket;
    if (!strchr(known, i->conversion))
        return bad(p, "a conversion of the pattern is not supported", "%s %d %x %X %f %e %b %% and %n are");
    if ((i->zero && !number_ && !hex) || ((signs || i->comma) && !number_) || (i->comma && i->conversion == 'e') ||
        (i->left && i->zero) || (i->plus && i->blank) || ((i->left || i->zero) && !i->width) ||
        (i->precision >= 0 && (i->conversion == 'd' || hex)) ||
        ((i->width || i->precision >= 0) && i->conversion == 'n'))
        return bad(p, "flags of the pattern do not fit their conversion", NULL);
    if (i->argument >= p->x->n_args)
        return bad(p, "the pattern has more conversions than there are arguments", NULL);
    if (i->argument && !fits(i->conversion, p->x->args[i->argument]->type)) {
        struct diag *g = diag_error(p->b->diags, p->x->args[i->argument]->place, "E_TYPE", "%%%c does not take %s",
                                    i->conversion, type_kind_name(p->x->args[i->argument]->type->kind));
        diag_hint(p->b->diags, g, "%%s takes texts: CAST(.. AS STRING); %%d whole numbers; %%f FLOAT and DOUBLE");
        return false;
    }
    return true;
}

bool expr__bind_format_string(struct expr_binder *b, struct expr *x, const struct ast_expr *ast)
{
    struct format *f = arena_zalloc(b->arena, sizeof *f);
    if (!expr__is_constant(b, x->args[0], "the pattern"))
        return false;
    const struct expr_value *pattern = &x->args[0]->value;
    struct parser            p = {b, x, pattern->text, pattern->text + pattern->length, 0};
    if (!f || !(f->items = arena_zalloc(b->arena, (pattern->length + 1u) * sizeof *f->items)))
        return expr__too_big(b, ast->place);
    while (p.at < p.end) {
        struct item *i = &f->items[f->n++];
        const char  *percent = memchr(p.at, '%', (size_t)(p.end - p.at)), *to = percent ? percent : p.end;
        i->before = (struct text){(const uint8_t *)p.at, (uint32_t)(to - p.at)};
        p.at = to;
        if (!percent)
            break;
        p.at++;
        if (!specification(&p, i) || !check(&p, i))
            return false;
    }
    x->detail = f;
    return true;
}

/* ---- one argument ---- */

static void pad(struct buf *out, size_t from, const struct item *i, size_t n_characters)
{
    size_t missing = (size_t)i->width > n_characters ? (size_t)i->width - n_characters : 0, n = out->size - from;
    if (!missing || !buf_reserve(out, missing))
        return;
    if (!i->left)
        memmove(out->data + from + missing, out->data + from, n);
    memset(out->data + from + (i->left ? n : 0), ' ', missing);
    out->size += missing;
}

/* Sign, digits with their groups, and what follows them, filled up with zeros when asked for. */
static void put_number(struct buf *out, const struct item *i, bool negative, const char *digits, const char *behind)
{
    size_t from = out->size, n = strlen(digits), groups = i->comma && n ? (n - 1) / 3 : 0;
    size_t sign = negative ? 1 + (size_t)i->bracket : i->plus || i->blank;
    size_t width = sign + n + groups + strlen(behind);
    if (negative)
        buf_u8(out, i->bracket ? '(' : '-');
    else if (sign)
        buf_u8(out, i->plus ? '+' : ' ');
    for (; i->zero && width < (size_t)i->width; width++)
        buf_u8(out, '0');
    for (size_t k = 0; k < n; k++) {
        buf_u8(out, (uint8_t)digits[k]);
        if (i->comma && k + 1 < n && (n - k - 1) % 3 == 0)
            buf_u8(out, ',');
    }
    buf_puts(out, behind);
    if (negative && i->bracket)
        buf_u8(out, ')');
    pad(out, from, i, out->size - from);
}

static void put_whole(struct buf *out, const struct item *i, const struct type *t, int64_t v)
{
    char     digits[32];
    uint64_t bits = (uint64_t)v;
    size_t   width = type_width(t);
    if (i->conversion == 'd') {
        snprintf(digits, sizeof digits, "%llu", (unsigned long long)(v < 0 ? 0 - bits : bits));
        put_number(out, i, v < 0, digits, "");
        return;
    }
    if (width < sizeof bits)
        bits &= ((uint64_t)1 << (8 * width)) - 1; /* as wide as the type */
    snprintf(digits, sizeof digits, i->conversion == 'x' ? "%llx" : "%llX", (unsigned long long)bits);
    put_number(out, i, false, digits, "");
}

/* The digits of a finite number that is not negative, and how many of them stand before the point. */
struct decimal_digits {
    char text[DIGITS_MAX * 2];
    int  n, point;
};

static void digits_of(double v, struct decimal_digits *d)
{
    char        shortest[NUMBER_TEXT_MAX];
    const char *p = shortest;
    bool        behind = false;
    double_print(v, shortest);
    d->n = d->point = 0;
    for (; *p && *p != 'E'; p++) {
        if (*p == '.')
            behind = true;
        else if (d->n || *p != '0') {
            d->text[d->n++] = *p;
            d->point += !behind;
        } else {
            d->point -= behind;
        }
    }
    if (*p == 'E')
        d->point += atoi(p + 1);
    while (d->n && d->text[d->n - 1] == '0')
        d->n--;
}

/* Half up, to `keep` digits, which may be none or fewer. */
static void round_digits(struct decimal_digits *d, int keep)
{
    if (keep >= d->n)
        return;
    bool up = keep >= 0 && d->text[keep] >= '5';
    d->n = keep < 0 ? 0 : keep;
    while (up && d->n && d->text[d->n - 1] == '9')
        d->n--;
    if (up && d->n) {
        d->text[d->n - 1]++;
    } else if (up) {
        d->text[d->n++] = '1';
        d->point++;
    }
}

static char digit_at(const struct decimal_digits *d, int k) { return k >= 0 && k < d->n ? d->text[k] : '0'; }

static void put_fixed(struct buf *out, const struct item *i, double v)
{
    struct decimal_digits d;
    char                  whole[DIGITS_MAX], behind[WIDTH_MAX + 2];
    int                   precision = i->precision < 0 ? 6 : i->precision, n = 0;
    digits_of(fabs(v), &d);
    round_digits(&d, d.point + precision);
    for (int k = 0; k < d.point; k++)
        whole[n++] = digit_at(&d, k);
    if (n == 0)
        whole[n++] = '0';
    whole[n] = 0;
    behind[0] = '.';
    for (int k = 0; k < precision; k++)
        behind[k + 1] = digit_at(&d, d.point + k);
    behind[precision ? precision + 1 : 0] = 0;
    put_number(out, i, signbit(v) != 0, whole, behind);
}

static void put_scientific(struct buf *out, const struct item *i, double v)
{
    struct decimal_digits d;
    char                  first[2] = "0", behind[WIDTH_MAX + 16];
    int                   precision = i->precision < 0 ? 6 : i->precision, n = 0;
    digits_of(fabs(v), &d);
    round_digits(&d, precision + 1);
    first[0] = digit_at(&d, 0);
    if (precision)
        behind[n++] = '.';
    for (int k = 1; k <= precision; k++)
        behind[n++] = digit_at(&d, k);
    int exponent = d.n ? d.point - 1 : 0;
    snprintf(behind + n, 16, "e%c%02d", exponent < 0 ? '-' : '+', abs(exponent));
    put_number(out, i, signbit(v) != 0, first, behind);
}

static void put_real(struct buf *out, const struct item *i, double v)
{
    size_t from = out->size;
    if (isfinite(v)) {
        (i->conversion == 'f' ? put_fixed : put_scientific)(out, i, v);
        return;
    }
    if (isnan(v))
        buf_puts(out, "NaN");
    else
        buf_puts(out, v > 0 ? (i->plus    ? "+Infinity"
                               : i->blank ? " Infinity"
                                          : "Infinity")
                            : (i->bracket ? "(Infinity)" : "-Infinity"));
    pad(out, from, i, out->size - from);
}

static void put_text(struct buf *out, const struct item *i, struct text t)
{
    size_t from = out->size, n = utf8_length(t.p, t.n);
    if (i->precision >= 0 && (size_t)i->precision < n) {
        t.n = (uint32_t)utf8_offset(t.p, t.n, (size_t)i->precision);
        n = (size_t)i->precision;
    }
    buf_put(out, t.p, t.n);
    pad(out, from, i, n);
}

static struct text as_text(const struct column *c, uint32_t row, char *room, size_t size)
{
    struct text t;
    switch ((int)c->type->kind) {
    case TYPE_STRING:
        t.p = column_bytes(c, row, &t.n);
        return t;
    case TYPE_BOOLEAN:
        snprintf(room, size, "%s", column_u8(c)[row] ? "true" : "false");
        break;
    case TYPE_FLOAT:
        float_print(((const float *)c->values)[row], room);
        break;
    case TYPE_DOUBLE:
        double_print(column_f64(c)[row], room);
        break;
    default:
        snprintf(room, size, "%lld", (long long)column_integer(c, row));
        break;
    }
    return (struct text){(const uint8_t *)room, (uint32_t)strlen(room)};
}

static void put_argument(struct buf *out, const struct item *i, const struct column *c, uint32_t row)
{
    char room[NUMBER_TEXT_MAX + 32];
    bool null = kernel_is_null(c, row);
    if (i->conversion == 'b') {
        bool v = !null && (c->type->kind != TYPE_BOOLEAN || column_u8(c)[row]);
        put_text(out, i, v ? (struct text){(const uint8_t *)"true", 4} : (struct text){(const uint8_t *)"false", 5});
    } else if (null) {
        put_text(out, i, (struct text){(const uint8_t *)(i->conversion == 'X' ? "NULL" : "null"), 4});
    } else if (i->conversion == 's') {
        put_text(out, i, as_text(c, row, room, sizeof room));
    } else if (is_real(c->type)) {
        put_real(out, i, load_real(c, row));
    } else {
        put_whole(out, i, c->type, column_integer(c, row));
    }
}

/* ---- rows ---- */

struct column *k_format_string(struct evaluation *ev, const struct expr *x, const struct vec *args, uint32_t n)
{
    const struct format *f = x->detail;
    struct builder       b;
    struct buf           row;
    struct column       *out = NULL;
    if (builder_init(&b, x->type, ev->error) != OK)
        return NULL;
    buf_init(&row, TAG_BATCH, COLUMN_BYTES_MAX);
    for (uint32_t i = 0; i < n; i++) {
        buf_clear(&row);
        for (int k = 0; k < f->n; k++) {
            const struct item *item = &f->items[k];
            buf_put(&row, item->before.p, item->before.n);
            if (item->argument)
                put_argument(&row, item, args[item->argument].c, i * args[item->argument].step);
            else if (item->conversion == '%')
                put_text(&row, item, (struct text){(const uint8_t *)"%", 1});
            else if (item->conversion == 'n')
                buf_u8(&row, '\n');
        }
        builder_bytes(&b, row.data, row.size);
    }
    if (buf_check(&row, "format_string()", ev->error) != OK || builder_finish(&b, &out, ev->error) != OK)
        out = NULL;
    builder_fini(&b);
    buf_fini(&row);
    return out;
}
