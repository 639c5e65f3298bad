/* SPDX-License-Identifier: MIT */
/* malloc(1) in a comment and "free(" in a string are no call, nor is ops->free(x). */
void t(struct o *ops, char *x)
{
    ops->free(x);
    mem_free(x);
    puts("malloc(1)");
    x = strdup(x);
    free(x);
}
