/* SPDX-License-Identifier: MIT */
/* json/tolerant: the reader that decides with Spark's answer. See json/record.h; one thread. */
#ifndef JSON_TOLERANT_H
#define JSON_TOLERANT_H

#include "json/record.h"
#include "json/record_priv.h"

/* Fills the slots below root; strings go into scratch (slots hold offsets). text is not blank, and may be invalid UTF-8
 * (read as Java reads the repaired text). ERR_LIMIT, ERR_NO_MEMORY when scratch is full. */
MUST_CHECK enum err tolerant_read(const uint8_t *text, size_t n, int64_t now_us, struct json_node *root,
                                  struct buf *scratch, struct json_verdict *verdict, struct error *e);

/* Is the text the array or map that the node wants, every part of it convertible? Sets its slot then. */
bool tolerant_check(const uint8_t *text, size_t n, struct json_node *node, struct buf *scratch);

/* Appends what `node` holds to a builder. */
typedef void append_part_fn(void *arg, const struct json_node *node, struct builder *b);
/* The text of an array or object that was checked: its elements, or its names and values, to the children of `into`,
 * each by `append` once node->element has it. */
void tolerant_read_parts(const uint8_t *text, size_t n, int64_t now_us, const struct json_node *node,
                         struct buf *scratch, struct json_verdict *verdict, append_part_fn *append, void *arg,
                         struct builder *into);

#endif
