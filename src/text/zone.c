/* SPDX-License-Identifier: MIT */
#include "text/zone.h"

#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/stat.h>

#include "base/alloc.h"
#include "base/diag.h"
#include "base/inbox.h" /* pthread_mutex too */
#include "base/log.h"
#include "text/time.h"

#define DEFAULT_FOLDER "/usr/share/zoneinfo"
#define PATH_BYTES 512
#define ZONES_MAX 4096 /* names of a database; tzdata has 600 */
#define DEPTH_MAX 3    /* America/Argentina/Buenos_Aires */

/* ---- the database: names, sorted, and the zones that have been read ---- */

enum { NOT_LISTED, LISTED, NO_DATABASE };

static struct {
    pthread_mutex_t           lock;  /* held while something is read */
    int                       state; /* published with release */
    char                      folder[PATH_BYTES];
    const char              **names;
    const struct zone_rules **rules; /* by name; NULL: not read yet; published with release */
    int                       n, capacity;
} database = {.lock = PTHREAD_MUTEX_INITIALIZER};

/* Letters, digits, _ + - and / between; so no name leaves the folder. */
static bool is_name(const char *name, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        char c = name[i];
        bool letter = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
        if (!letter && (i == 0 || !((c >= '0' && c <= '9') || (c && strchr("_+-/", c)))))
            return false;
    }
    return n >= 2 && n < ZONE_NAME_MAX;
}

/* What java.time leaves out: copies with and without leap seconds, and what is another thing there. */
static bool is_left_out(const char *name)
{
    static const char *const names[] = {"posix", "right", "localtime", "posixrules", "Factory",
                                        "ROC",   "EST",   "MST",       "HST"};
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++)
        if (strcmp(names[i], name) == 0)
            return true;
    return false;
}

static enum err add_name(const char *name, struct error *e)
{
    if (database.n == ZONES_MAX)
        return err_set(e, ERR_LIMIT, "the time zone database has more than %d names", ZONES_MAX);
    if (database.n == database.capacity) {
        int          more = database.capacity ? 2 * database.capacity : 1024;
        const char **names = mem_realloc(TAG_PROCESS, database.names, (size_t)more * sizeof *names);
        if (!names)
            return err_set(e, ERR_NO_MEMORY, "no memory for the names of time zones");
        database.names = names;
        database.capacity = more;
    }
    if (!(database.names[database.n] = mem_strdup(TAG_PROCESS, name)))
        return err_set(e, ERR_NO_MEMORY, "no memory for the names of time zones");
    database.n++;
    return OK;
}

/* Adds the names below `prefix`, which is "" or ends with a slash. */
static enum err list_folder(const char *prefix, int depth, struct error *e)
{
    char           path[PATH_BYTES + 2 * ZONE_NAME_MAX], name[ZONE_NAME_MAX];
    struct dirent *entry;
    struct stat    what;
    enum err       rc = OK;
    snprintf(path, sizeof path, "%s/%s", database.folder, prefix);
    DIR *folder = opendir(path);
    if (!folder)
        return err_errno(e, errno, "%s", path);
    while (rc == OK && (entry = readdir(folder))) {
        int n = snprintf(name, sizeof name, "%s%s", prefix, entry->d_name);
        if (n >= (int)sizeof name || !is_name(entry->d_name, strlen(entry->d_name)) ||
            (depth == 0 && is_left_out(name)))
            continue;
        snprintf(path, sizeof path, "%s/%s", database.folder, name);
        if (stat(path, &what) != 0)
            continue;
        if (S_ISREG(what.st_mode)) {
            rc = add_name(name, e);
        } else if (S_ISDIR(what.st_mode) && depth + 1 < DEPTH_MAX && n + 1 < (int)sizeof name) {
            name[n] = '/';
            name[n + 1] = 0;
            rc = list_folder(name, depth + 1, e);
        }
    }
    closedir(folder);
    return rc;
}

/* No two names differ in case alone. */
static int compare_names(const void *a, const void *b)
{
    return strcasecmp(*(const char *const *)a, *(const char *const *)b);
}

static void forget_names(void)
{
    for (int i = 0; i < database.n; i++)
        mem_free((void *)(uintptr_t)database.names[i]);
    mem_free(database.names);
    database.names = NULL;
    database.n = database.capacity = 0;
}

/* What cannot be read now is not tried again for every row; only memory may come back. */
static enum err list_names(struct error *e)
{
    const char *folder = getenv("TZDIR"); /* as for the C library */
    snprintf(database.folder, sizeof database.folder, "%s", folder && *folder ? folder : DEFAULT_FOLDER);
    enum err rc = list_folder("", 0, e);
    int      state = LISTED;
    if (rc == OK && !(database.rules = mem_zalloc(TAG_PROCESS, ((size_t)database.n + 1) * sizeof *database.rules)))
        rc = err_set(e, ERR_NO_MEMORY, "no memory for time zones");
    if (rc != OK)
        forget_names();
    if (rc == ERR_NO_MEMORY)
        return rc;
    if (rc != OK) {
        log_warn("text", "no names of time zones are known: %s; the package tzdata has them", e->text);
        state = NO_DATABASE;
    } else {
        qsort(database.names, (size_t)database.n, sizeof *database.names, compare_names);
    }
    __atomic_store_n(&database.state, state, __ATOMIC_RELEASE);
    return OK;
}

static enum err names_ready(struct error *e)
{
    struct error own;
    enum err     rc = OK;
    e = e ? e : &own;
    if (__atomic_load_n(&database.state, __ATOMIC_ACQUIRE) == NOT_LISTED) {
        pthread_mutex_lock(&database.lock);
        if (database.state == NOT_LISTED)
            rc = list_names(e);
        pthread_mutex_unlock(&database.lock);
    }
    return rc;
}

static const struct zone_rules no_zone, damaged; /* in place of rules, so that no file is read twice */

/* The zone of that name, one of the two above, or NULL: no memory. */
static const struct zone_rules *read_zone(const char *name, struct error *e)
{
    char               path[PATH_BYTES + 2 * ZONE_NAME_MAX];
    struct zone_rules *rules = NULL;
    enum err           rc = ERR_NO_MEMORY;
    snprintf(path, sizeof path, "%s/%s", database.folder, name);
    FILE *file = fopen(path, "rb");
    if (!file)
        return &no_zone;
    uint8_t *bytes = mem_alloc(TAG_PROCESS, TZIF_BYTES_MAX + 1);
    size_t   n = bytes ? fread(bytes, 1, TZIF_BYTES_MAX + 1, file) : 0;
    if (bytes)
        rc = tzif_parse(bytes, n, &rules, e);
    mem_free(bytes);
    fclose(file);
    if (rc == OK || rc == ERR_NO_MEMORY)
        return rules;
    if (rc == ERR_NOT_FOUND) /* a table of countries, and the like */
        return &no_zone;
    log_warn("text", "%s: %s", path, e->text);
    return &damaged;
}

static enum err unknown(const char *name, size_t n, struct error *e)
{
    return err_set(e, ERR_NOT_FOUND, "there is no time zone \"%.*s\"", (int)(n < ZONE_NAME_MAX ? n : ZONE_NAME_MAX),
                   name);
}

/* Index of the name, whatever its case; -1: there is none. */
static int index_of(const char *name)
{
    const char **found =
        database.n ? bsearch(&name, database.names, (size_t)database.n, sizeof name, compare_names) : NULL;
    return found ? (int)(found - database.names) : -1;
}

static enum err load(int index, struct zone *out, struct error *e)
{
    const char               *name = database.names[index];
    const struct zone_rules **slot = &database.rules[index];
    const struct zone_rules  *rules = __atomic_load_n(slot, __ATOMIC_ACQUIRE);
    if (!rules) {
        pthread_mutex_lock(&database.lock);
        if (!(rules = *slot) && (rules = read_zone(name, e)))
            __atomic_store_n(slot, rules, __ATOMIC_RELEASE);
        pthread_mutex_unlock(&database.lock);
    }
    if (!rules)
        return err_set(e, ERR_NO_MEMORY, "no memory for a time zone");
    if (rules == &no_zone)
        return unknown(name, strlen(name), e);
    if (rules == &damaged)
        return err_set(e, ERR_CORRUPT, "the file of the time zone %s/%s is damaged", database.folder, name);
    *out = (struct zone){.rules = rules};
    return OK;
}

static enum err find_region(const char *name, struct zone *out, struct error *e)
{
    struct error own;
    e = e ? e : &own;
    TRY(names_ready(e));
    if (__atomic_load_n(&database.state, __ATOMIC_ACQUIRE) == NO_DATABASE)
        return err_set(e, ERR_IO, "names of time zones are not known, as %s cannot be read: install the package tzdata",
                       database.folder);
    int index = index_of(name);
    if (index < 0 || strcmp(database.names[index], name) != 0)
        return unknown(name, strlen(name), e);
    return load(index, out, e);
}

void zones_free(void)
{
    for (int i = 0; i < database.n; i++)
        if (database.rules[i] != &no_zone && database.rules[i] != &damaged)
            mem_free((void *)(uintptr_t)database.rules[i]);
    mem_free(database.rules);
    database.rules = NULL;
    forget_names();
    database.state = NOT_LISTED;
}

const char *zone_nearest(const char *name)
{
    if (names_ready(NULL) != OK || database.n == 0)
        return NULL;
    return nearest_name(name, database.names, database.n);
}

/* ---- names ---- */

static bool is_digit(char c) { return c >= '0' && c <= '9'; }

static bool is_sign(char c) { return c == '+' || c == '-'; }

/* +h:mm is +0h:mm and +hh:m is +hh:0m, wherever it stands: as before Spark 3. False: too long. */
static bool normalize(const char *name, size_t n, char out[ZONE_NAME_MAX])
{
    size_t size = 0;
    bool   done = false;
    if (n + 2 >= ZONE_NAME_MAX || memchr(name, 0, n))
        return false;
    for (size_t i = 0; i < n; i++) {
        out[size++] = name[i];
        if (!done && is_sign(name[i]) && i + 2 < n && is_digit(name[i + 1]) && name[i + 2] == ':') {
            out[size++] = '0';
            done = true;
        }
    }
    if (size >= 5 && is_sign(out[size - 5]) && is_digit(out[size - 4]) && is_digit(out[size - 3]) &&
        out[size - 2] == ':' && is_digit(out[size - 1])) {
        out[size] = out[size - 1];
        out[size - 1] = '0';
        size++;
    }
    out[size] = 0;
    return true;
}

/* Java's ZoneOffset.of: Z, +h, +hh, +hhmm, +hh:mm, +hhmmss, +hh:mm:ss, at most 18 hours. */
static bool read_offset(const char *p, int64_t *offset_us)
{
    static const char *const forms[] = {"+h", "+hh", "+hhmm", "+hh:mm", "+hhmmss", "+hh:mm:ss"};
    size_t                   n = strlen(p);
    int64_t                  h = 0, m = 0, s = 0;
    *offset_us = 0;
    if (strcmp(p, "Z") == 0)
        return true;
    for (size_t f = 0; f < sizeof forms / sizeof forms[0]; f++) {
        bool fits = strlen(forms[f]) == n && is_sign(*p);
        for (size_t i = 1; fits && i < n; i++)
            fits = forms[f][i] == ':' ? p[i] == ':' : is_digit(p[i]);
        for (size_t i = 1; fits && i < n; i++) {
            int64_t *part = forms[f][i] == 'h' ? &h : forms[f][i] == 'm' ? &m : &s;
            if (p[i] != ':')
                *part = *part * 10 + (p[i] - '0');
        }
        if (fits) {
            *offset_us = (h * 3600 + m * 60 + s) * US_PER_SECOND * (*p == '-' ? -1 : 1);
            return m < 60 && s < 60 && h * 3600 + m * 60 + s <= 18 * 3600;
        }
    }
    return false;
}

/* Java's ZoneId.SHORT_IDS. */
static const char *long_name(const char *name)
{
    static const char names[][2][32] = {{"ACT", "Australia/Darwin"},
                                        {"AET", "Australia/Sydney"},
                                        {"AGT", "America/Argentina/Buenos_Aires"},
                                        {"ART", "Africa/Cairo"},
                                        {"AST", "America/Anchorage"},
                                        {"BET", "America/Sao_Paulo"},
                                        {"BST", "Asia/Dhaka"},
                                        {"CAT", "Africa/Harare"},
                                        {"CNT", "America/St_Johns"},
                                        {"CST", "America/Chicago"},
                                        {"CTT", "Asia/Shanghai"},
                                        {"EAT", "Africa/Addis_Ababa"},
                                        {"ECT", "Europe/Paris"},
                                        {"EST", "-05:00"},
                                        {"HST", "-10:00"},
                                        {"IET", "America/Indiana/Indianapolis"},
                                        {"IST", "Asia/Kolkata"},
                                        {"JST", "Asia/Tokyo"},
                                        {"MIT", "Pacific/Apia"},
                                        {"MST", "-07:00"},
                                        {"NET", "Asia/Yerevan"},
                                        {"NST", "Pacific/Auckland"},
                                        {"PLT", "Asia/Karachi"},
                                        {"PNT", "America/Phoenix"},
                                        {"PRT", "America/Puerto_Rico"},
                                        {"PST", "America/Los_Angeles"},
                                        {"SST", "Pacific/Guadalcanal"},
                                        {"VST", "Asia/Ho_Chi_Minh"}};
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++)
        if (strcmp(names[i][0], name) == 0)
            return names[i][1];
    return name;
}

static bool two_digits(const char *p, size_t n, int64_t most, int64_t *out)
{
    if (n < 2 || !is_digit(p[0]) || !is_digit(p[1]))
        return false;
    *out = (p[0] - '0') * 10 + (p[1] - '0');
    return *out <= most;
}

/* +hh:mm[:ss]; 0: it is none. */
static size_t offset_ahead(const char *p, size_t n, int64_t *offset_us)
{
    int64_t h, m, s = 0;
    if (n < 6 || !is_sign(p[0]) || !two_digits(p + 1, n - 1, 18, &h) || p[3] != ':' ||
        !two_digits(p + 4, n - 4, 59, &m))
        return 0;
    size_t length = n >= 9 && p[6] == ':' && two_digits(p + 7, n - 7, 59, &s) ? 9 : 6;
    if (h * 3600 + m * 60 + s > 18 * 3600)
        return 0;
    *offset_us = ((h * 60 + m) * 60 + s) * US_PER_SECOND * (p[0] == '-' ? -1 : 1);
    return length;
}

enum err zone_find(const char *name, size_t n, struct zone *out, struct error *e)
{
    char        text[ZONE_NAME_MAX];
    const char *id = text;
    *out = (struct zone){0};
    if (n == 6 && offset_ahead(name, n, &out->offset_us)) /* as most timestamps with an offset have it: at once */
        return OK;
    if (!normalize(name, n, text))
        return unknown(name, n, e);
    size_t prefix = strncmp(text, "UTC", 3) == 0 || strncmp(text, "GMT", 3) == 0 ? 3
                    : strncmp(text, "UT", 2) == 0                                ? 2
                                                                                 : 0;
    if (prefix && text[prefix] == 0)
        return OK;
    if (!prefix && strlen(text) == 3)
        id = long_name(text);
    if (strlen(id) <= 1 || is_sign(*id) || (prefix && is_sign(text[prefix])))
        return read_offset(id + prefix, &out->offset_us) ? OK : unknown(name, n, e);
    return is_name(id, strlen(id)) ? find_region(id, out, e) : unknown(name, n, e);
}

/* ---- as VV of a pattern: DateTimeFormatterBuilder.ZoneIdPrinterParser ---- */

static size_t region_ahead(const char *text, size_t n, struct zone *out)
{
    char         name[ZONE_NAME_MAX];
    struct error e;
    size_t       length = n < ZONE_NAME_MAX ? n : ZONE_NAME_MAX - 1;
    while (length >= 2 && !is_name(text, length))
        length--;
    memcpy(name, text, length);
    for (; length >= 2; length--) {
        name[length] = 0;
        int index = index_of(name);
        if (index >= 0)
            return load(index, out, &e) == OK ? length : 0;
    }
    return 0;
}

size_t zone_read(const char *text, size_t n, struct zone *out)
{
    *out = (struct zone){0};
    if (n && is_sign(*text))
        return offset_ahead(text, n, &out->offset_us);
    if (n >= 4 && strncasecmp(text, "GMT0", 4) == 0)
        return 4;
    size_t prefix = n >= 3 && (strncasecmp(text, "UTC", 3) == 0 || strncasecmp(text, "GMT", 3) == 0) ? 3
                    : n >= 2 && strncasecmp(text, "UT", 2) == 0                                      ? 2
                                                                                                     : 0;
    if (prefix)
        return prefix + offset_ahead(text + prefix, n - prefix, &out->offset_us);
    size_t length = names_ready(NULL) == OK ? region_ahead(text, n, out) : 0;
    return length ? length : n && (*text == 'Z' || *text == 'z');
}

/* ---- offsets ---- */

/* How many of the n moments are not behind us. */
static uint32_t count_until(const int64_t *moments, uint32_t n, int64_t us)
{
    uint32_t low = 0, high = n;
    while (low < high) {
        uint32_t middle = low + (high - low) / 2;
        if (moments[middle] <= us)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

static int64_t later(int64_t us, int64_t by_us)
{
    int64_t sum;
    return us == INT64_MIN || us == INT64_MAX ? us : __builtin_add_overflow(us, by_us, &sum) ? INT64_MAX : sum;
}

static struct zone_span find_span(const struct zone *z, const int64_t *moments, int64_t us)
{
    const struct zone_rules *r = z->rules;
    int64_t                  periods_us = 0;
    if (r->repeats && us >= moments[r->n - 1])
        periods_us = ((us - moments[r->n - 1]) / ZONE_PERIOD_US + 1) * ZONE_PERIOD_US;
    uint32_t         k = count_until(moments, r->n, us - periods_us);
    struct zone_span span = {k ? moments[k - 1] : INT64_MIN, k < r->n ? moments[k] : INT64_MAX, r->offsets_us[k]};
    span.from_us = later(span.from_us, periods_us);
    span.to_us = later(span.to_us, periods_us);
    return span;
}

struct zone_span zone_at(const struct zone *z, int64_t utc_us)
{
    if (!z->rules)
        return (struct zone_span){INT64_MIN, INT64_MAX, z->offset_us};
    return find_span(z, z->rules->at_us, utc_us);
}

struct zone_span zone_at_local(const struct zone *z, int64_t local_us)
{
    if (!z->rules)
        return (struct zone_span){INT64_MIN, INT64_MAX, z->offset_us};
    return find_span(z, z->rules->local_us, local_us);
}
