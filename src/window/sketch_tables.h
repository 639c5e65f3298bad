/* SPDX-License-Identifier: MIT */
/*
 * window/sketch_tables: raw estimates of HyperLogLog++ and their biases. For p bits (4 to 18) the entries are
 * [sketch_starts[p - 4], sketch_starts[p - 3]), ordered by estimate.
 */
#ifndef WINDOW_SKETCH_TABLES_H
#define WINDOW_SKETCH_TABLES_H

#include <stdint.h>

extern const uint16_t sketch_starts[16];
extern const double   sketch_estimates[], sketch_biases[];

#endif
