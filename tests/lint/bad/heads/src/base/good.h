/* SPDX-License-Identifier: MIT */
/* base/good: says what it is for. */
