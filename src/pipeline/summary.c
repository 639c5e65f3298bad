/* SPDX-License-Identifier: MIT */
/* What a query says of itself: status for a person, summary for a program. Loop thread. */
#include <inttypes.h>
#include <stdio.h>

#include "base/clock.h"
#include "pipeline/query_priv.h"

void query_status(const struct query *q, struct query_status *out)
{
    *out = (struct query_status){.state = q->state,
                                 .plan = q->plan,
                                 .rc = q->rc,
                                 .error = q->error.text,
                                 .records = q->records,
                                 .rows = q->rows_written,
                                 .lag = query__lag(q),
                                 .committed_epoch = q->committed_epoch,
                                 .version = q->version,
                                 .watermark_ms = q->marks.evict_ms,
                                 .down_error = "",
                                 .nothing_to_read = q->records == 0 && q->committed_epoch < 0};
    for (int s = 0; s < q->plan->n_sources && query__live(q); s++) {
        struct kafka_source_stats stats;
        kafka_source_stats(q->sources[s], &stats);
        if (stats.down_since_us && (!out->down_since_us || stats.down_since_us < out->down_since_us)) {
            out->down_since_us = stats.down_since_us;
            out->down_error = stats.last_error;
        }
    }
}

void query_newest_rows(const struct query *q, uint32_t width, struct buf *out) { tap_print(q->tap, width, out); }

/* Of this program: getrusage's maximum includes what the parent was before exec. */
static int64_t peak_rss_bytes(void)
{
    char    line[256];
    int64_t kib = 0;
    FILE   *f = fopen("/proc/self/status", "re");
    while (f && fgets(line, sizeof line, f))
        if (sscanf(line, "VmHWM: %" SCNd64, &kib) == 1)
            break;
    if (f)
        fclose(f);
    return kib * 1024;
}

void query_summary(const struct query *q, struct buf *out)
{
    struct json_writer w;
    json_writer_init(&w, out);
    json_begin_object(&w);
    json_member_string(&w, "query", q->plan->name);
    json_member_int(&w, "generation", q->generation);
    json_member_int(&w, "epochs", q->n_epochs);
    json_member_int(&w, "last_epoch", q->committed_epoch);
    json_key(&w, "table");
    json_begin_object(&w);
    json_member_string(&w, "path", q->plan->location);
    json_member_int(&w, "version", q->version);
    json_end_object(&w);
    json_member_int(&w, "rows_written", q->rows_written);
    json_member_int(&w, "records", q->records);
    json_member_int(&w, "watermark_ms", q->marks.evict_ms);
    json_member_double(&w, "cpu_seconds", (double)clock_process_cpu_us() / 1e6);
    json_member_double(&w, "start_cpu_seconds", (double)q->start_cpu_us / 1e6);
    json_member_int(&w, "peak_rss_bytes", peak_rss_bytes());
    json_member_double(&w, "first_poll_ms", q->first_poll_us ? (double)(q->first_poll_us - q->started_us) / 1e3 : 0);
    json_key(&w, "ledger");
    if (q->committed_epoch >= 0)
        ledger_write(&q->ledger, q->sources, q->plan->n_sources, &w);
    else
        json_put_null(&w);
    json_end_object(&w);
    buf_u8(out, '\n');
}
