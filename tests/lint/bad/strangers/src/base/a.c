/* SPDX-License-Identifier: MIT */
/* see /root/x */
/* TODO later */
/* see ./dev */
