/* SPDX-License-Identifier: MIT */
void *mem(void) { return malloc(1); }
