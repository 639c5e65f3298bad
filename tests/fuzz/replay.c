/* SPDX-License-Identifier: MIT */
/*
 * tests/fuzz/replay: the main of a fuzz target in builds without libFuzzer.
 *
 * Feeds every file of the folders (or files) named on the command line to LLVMFuzzerTestOneInput, so that
 * each input that once broke something stays a test. An empty corpus is a failure: it would prove nothing.
 */
#include <dirent.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static long feed_file(const char *path)
{
    FILE       *file = fopen(path, "rb");
    struct stat about;
    if (!file || fstat(fileno(file), &about) != 0) {
        perror(path);
        exit(2);
    }
    size_t   size = (size_t)about.st_size;
    uint8_t *data = malloc(size ? size : 1); /* exact size: the sanitizer sees a read past the end */
    if (!data || fread(data, 1, size, file) != size) {
        fprintf(stderr, "%s: cannot read\n", path);
        exit(2);
    }
    fclose(file);
    LLVMFuzzerTestOneInput(data, size);
    free(data);
    return 1;
}

static long feed_folder(const char *path)
{
    struct dirent **entries;
    char            name[4096];
    long            n_fed = 0;
    int             n = scandir(path, &entries, NULL, alphasort);
    if (n < 0) {
        perror(path);
        exit(2);
    }
    for (int i = 0; i < n; i++) {
        if (entries[i]->d_name[0] != '.') {
            snprintf(name, sizeof name, "%s/%s", path, entries[i]->d_name);
            n_fed += feed_file(name);
        }
        free(entries[i]);
    }
    free(entries);
    return n_fed;
}

int main(int argc, char **argv)
{
    long n_fed = 0;
    for (int i = 1; i < argc; i++) {
        struct stat about;
        if (stat(argv[i], &about) == 0 && S_ISDIR(about.st_mode))
            n_fed += feed_folder(argv[i]);
        else
            n_fed += feed_file(argv[i]);
    }
    printf("%ld inputs replayed\n", n_fed);
    return n_fed > 0 ? 0 : 1;
}
