/* SPDX-License-Identifier: MIT */
/*
 * json/shape: documents that look like one read before, read without a parser.
 *
 * One producer writes the same names in the same order with the same spaces. So the bytes between the values of a
 * document that the parser accepted are remembered as a shape; the next document of that shape is checked against
 * them word by word, and only its values are read. What is accepted is exactly what the parser accepts, with the same
 * slots: every byte is either compared or belongs to a scalar that is checked. Anything else is left to the parser.
 * Inside json/; one owner, one thread; allocates only when a shape is learned.
 */
#ifndef JSON_SHAPE_H
#define JSON_SHAPE_H

#include "base/alloc.h"
#include "json/record_priv.h"

#define SHAPES_MAX 4 /* of one reader: producers of different versions side by side */

struct shape;
struct shapes {
    struct shape *known[SHAPES_MAX]; /* the one that fitted last is first */
    int           n;
    int           trust;   /* grows with documents that fit, falls with others; at 0 shapes are tried now and then */
    uint32_t      skipped; /* documents not tried since */
};

void shapes_fini(struct shapes *s);
/* True: the document fits a known shape and every slot below the root it was learned with is filled. 64 bytes behind
 * text + n may be read. */
bool shapes_read(struct shapes *s, const uint8_t *text, size_t n, int64_t now_us);
/* Remembers the shape of a document that the parser accepted for `root`, when shapes are of use; slots are
 * overwritten. A document that does not suit, or no memory: nothing happens. */
void shapes_learn(struct shapes *s, struct json_node *root, const uint8_t *text, size_t n);

#endif
