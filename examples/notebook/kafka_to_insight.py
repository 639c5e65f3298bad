# Databricks notebook source
# MAGIC %md
# MAGIC # From a Kafka topic to insight
# MAGIC
# MAGIC A stream of ad events goes the whole way: produced into Kafka, read with Spark Structured Streaming,
# MAGIC checked, deduplicated, enriched, counted in windows, written to Delta tables in three layers (bronze,
# MAGIC silver, gold), queried, drawn and monitored. Late, doubled and broken records are put in **on purpose**,
# MAGIC because a pipeline is only understood once one has seen what happens to them. At the end
# MAGIC [millrace](../../README.md) runs the same SQL over the same topic, and a cell proves both tables equal.
# MAGIC
# MAGIC It runs top to bottom on Databricks, where the parameters are widgets, and on a laptop with Spark 4.1, Delta
# MAGIC and a Kafka broker. Every stream here uses `trigger(availableNow=True)`: it reads what is there in
# MAGIC micro-batches, then stops, so that the notebook ends. In production the same query runs with
# MAGIC `trigger(processingTime="10 seconds")` and never stops; nothing else changes.

# COMMAND ----------

# MAGIC %md
# MAGIC ## 1. Parameters and session
# MAGIC
# MAGIC Nothing below names a server or a path: **all that differs between machines is here**.

# COMMAND ----------

import datetime
import json
import os
import random
import subprocess
import tempfile
import time


def setting(name, default):
    """A widget on Databricks; elsewhere the environment, or the default."""
    try:
        dbutils.widgets.text(name, default)
        return dbutils.widgets.get(name)
    except NameError:
        return os.environ.get(name, default)


servers = setting("bootstrap_servers", "localhost:9092")
topic = setting("topic", "ad-events-" + str(int(time.time())))
base = setting("base_path", tempfile.mkdtemp(prefix="kafka-to-insight-"))  # Databricks: /Volumes/catalog/schema/volume
millrace = setting("millrace", "millrace")  # the program, for section 11; "" leaves that section out

# COMMAND ----------

from pyspark.sql import SparkSession
from pyspark.sql import functions as F

spark = (SparkSession.builder.appName("kafka-to-insight")
    .config("spark.sql.extensions", "io.delta.sql.DeltaSparkSessionExtension")
    .config("spark.sql.catalog.spark_catalog", "org.apache.spark.sql.delta.catalog.DeltaCatalog")
    .getOrCreate())
spark.conf.set("spark.sql.session.timeZone", "UTC")  # windows begin at UTC boundaries: print them so, too
spark.conf.set("spark.sql.shuffle.partitions", "2")  # each is a state store: the default, 200, is for clusters
print("Spark", spark.version)

# COMMAND ----------

# MAGIC %md
# MAGIC ## 2. Produce: a stream with everything that goes wrong
# MAGIC
# MAGIC Each event says which ad a user saw or clicked, and *when that happened* (`event_time`): that is not when
# MAGIC Kafka got it, and a good pipeline counts by the former. We make ten minutes of events from a seed, so that
# MAGIC every run of this notebook shows the same numbers:
# MAGIC
# MAGIC - up to 2 seconds **out of order**, as from many servers;
# MAGIC - 1 % **late**, by a minute and a half: a phone that was in a tunnel;
# MAGIC - 2 % **twice**: a producer that did not hear the broker's answer and sent again;
# MAGIC - 1 % **broken**: cut off, or with text where a number belongs;
# MAGIC - a key (the user), so that Kafka keeps each user's events in order on one partition.

# COMMAND ----------

START = datetime.datetime(2025, 3, 1, 12, 0, tzinfo=datetime.timezone.utc)
ADS = {f"ad-{i:02}": f"campaign-{i % 7}" for i in range(40)}


def make_events(seconds, per_second=20, seed=7):
    chance, events = random.Random(seed), []
    for i in range(seconds * per_second):
        at = START.timestamp() + i / per_second
        event = {"id": f"e{i}", "user": f"user-{int(chance.paretovariate(0.7)) % 300}",
                 "ad": f"ad-{chance.randrange(40):02}",
                 "kind": chance.choices(["view", "click", "purchase"], [80, 16, 4])[0],
                 "event_time": int((at - chance.uniform(0, 2)) * 1000)}
        if chance.random() < 0.01:
            event["event_time"] -= 90_000
        text = json.dumps(event)
        if chance.random() < 0.01:
            text = text[:-8] if chance.random() < 0.5 else text.replace(str(event["event_time"]), '"soon"')
        events += [(event["user"], text)] * (2 if chance.random() < 0.02 else 1)
    return events


events = make_events(600)
half = len(events) // 2
(spark.createDataFrame(events[:half], "key STRING, value STRING").coalesce(1)
    .write.format("kafka").option("kafka.bootstrap.servers", servers).option("topic", topic).save())
print(len(events), "events made,", half, "of them sent to", topic)
print(events[0][1])

# COMMAND ----------

# MAGIC %md
# MAGIC ## 3. Bronze: keep what came, as it came
# MAGIC
# MAGIC The first table holds the records untouched, with their coordinates (topic, partition, offset). **Why:**
# MAGIC Kafka deletes after days; a parser has bugs for years. With bronze, a mistake further down is mended by
# MAGIC reading again. Parse here, and what the parser dropped is gone.
# MAGIC
# MAGIC Three options decide whether the read is right:
# MAGIC
# MAGIC | Option | Why |
# MAGIC |---|---|
# MAGIC | `startingOffsets = earliest` | by default (`latest`) a new query skips all that is there |
# MAGIC | `maxOffsetsPerTrigger` | without it the first batch is the whole backlog, and *no row of it is late* |
# MAGIC | `kafka.isolation.level = read_committed` | Spark's default also reads records of aborted transactions |
# MAGIC
# MAGIC The **checkpoint** is what makes the query exactly-once: offsets are written there before a micro-batch
# MAGIC runs, and Delta refuses a batch that it has already. One query, one checkpoint, never shared, never deleted
# MAGIC by hand.

# COMMAND ----------

def kafka(max_per_trigger=2000):
    return (spark.readStream.format("kafka").option("kafka.bootstrap.servers", servers).option("subscribe", topic)
        .option("startingOffsets", "earliest").option("maxOffsetsPerTrigger", max_per_trigger)
        .option("kafka.isolation.level", "read_committed").load())


def run(frame, name):
    """The frame into the Delta table <base>/<name>, until what is there has been read; returns the finished query."""
    query = (frame.writeStream.format("delta").outputMode("append").queryName(name)
        .option("checkpointLocation", f"{base}/checkpoints/{name}").trigger(availableNow=True).start(f"{base}/{name}"))
    query.awaitTermination()
    return query


def table(name):
    return spark.read.format("delta").load(f"{base}/{name}")


raw = kafka().selectExpr("topic", "partition", "offset", "timestamp", "CAST(key AS STRING)", "CAST(value AS STRING)")
bronze = run(raw, "bronze")
table("bronze").orderBy("offset").select("partition", "offset", "value").show(3, truncate=90)
print(table("bronze").count(), "rows in", len(bronze.recentProgress), "micro-batches")

# COMMAND ----------

# MAGIC %md
# MAGIC ## 4. Silver: parsed, checked, once each
# MAGIC
# MAGIC **Parsing.** `from_json` with a schema, not schema inference: a stream has no "all the data" to look at. In
# MAGIC its default mode (PERMISSIVE) a document that cannot be read gives NULLs and *no error*: without a check,
# MAGIC broken records just vanish in the next filter. So every row gets its reasons, and rows with a reason go to a
# MAGIC **quarantine** table instead of nowhere.

# COMMAND ----------

SCHEMA = "id STRING, user STRING, ad STRING, kind STRING, event_time BIGINT"
RULES = {"not JSON": "id IS NULL", "no event time": "event_time IS NULL",
         "unknown kind": "kind NOT IN ('view', 'click', 'purchase')"}
reasons = ", ".join(f"CASE WHEN {rule} THEN '{reason}' END" for reason, rule in RULES.items())

parsed = (spark.readStream.format("delta").load(f"{base}/bronze")
    .select("partition", "offset", "timestamp", "value", F.from_json("value", SCHEMA).alias("e"))
    .select("*", "e.*").drop("e"))
checked = parsed.withColumn("reasons", F.expr(f"filter(array({reasons}), r -> r IS NOT NULL)"))
bad = checked.where("size(reasons) > 0").select("partition", "offset", "reasons", "value")
run(bad, "quarantine")
table("quarantine").selectExpr("explode(reasons) AS reason").groupBy("reason").count().show()
table("quarantine").show(3, truncate=70)

# COMMAND ----------

# MAGIC %md
# MAGIC **Deduplication and watermark.** To know that an event came twice, its id has to be remembered; to remember
# MAGIC every id for ever takes all the memory there is. The **watermark** says how long: `max(event time seen) - 30
# MAGIC seconds`. `dropDuplicatesWithinWatermark` forgets an id once the watermark has passed it. Without a
# MAGIC watermark the same call works in every test and fails after weeks, when the state no longer fits.
# MAGIC
# MAGIC **Enrichment.** Which campaign an ad belongs to is in a static table. A stream joined with a static table
# MAGIC needs no state; it is a look-up. `LEFT` keeps events of unknown ads, visible as NULL, where an inner join
# MAGIC would lose them silently.

# COMMAND ----------

(spark.createDataFrame(sorted(ADS.items()), "ad STRING, campaign STRING")
    .write.format("delta").mode("overwrite").save(f"{base}/ads"))

clean = (checked.where("size(reasons) = 0")
    .withColumn("at", F.timestamp_millis("event_time"))
    .withWatermark("at", "30 seconds")
    .dropDuplicatesWithinWatermark(["id"])
    .join(table("ads"), "ad", "left")
    .select("id", "user", "ad", "campaign", "kind", "at", "timestamp"))
silver = run(clean, "silver")
counts = {name: table(name).count() for name in ("bronze", "quarantine", "silver")}
gone = counts["bronze"] - counts["quarantine"] - counts["silver"]
print(counts, "so", gone, "were duplicates, or later than the watermark")

# COMMAND ----------

# MAGIC %md
# MAGIC ## 5. Gold: windows, and what becomes of late data
# MAGIC
# MAGIC Views per campaign and 10 seconds **of event time**. In append mode a window is written once, when the
# MAGIC watermark passes its end: nobody ever reads half a window. The price is latency (the window's length plus
# MAGIC the delay), and that what comes later still is **dropped, and counted**. The delay is the knob: longer waits
# MAGIC for more, and holds more state.
# MAGIC
# MAGIC By example: the newest event so far is of 12:05:40, so the watermark is 12:05:10, and the window 12:05:00 to
# MAGIC 12:05:10 is written. An event of 12:05:08 that comes now is dropped. One of 12:05:12 is just as old when it
# MAGIC comes, yet it counts, since *its window* is still open: late is who comes after the window's end was passed,
# MAGIC not who comes after the watermark. And the watermark moves **between** micro-batches, so within one batch
# MAGIC nobody makes anybody else late.
# MAGIC
# MAGIC This one is written in SQL, as it will run in millrace too. `WATERMARK .. DELAY OF` is Spark 4's form of
# MAGIC `withWatermark`.

# COMMAND ----------

VIEWS = """
SELECT window.start AS window_start, campaign, count(*) AS views
FROM (SELECT e.ad, e.kind, timestamp_millis(e.event_time) AS at
      FROM (SELECT from_json(CAST(value AS STRING), 'ad STRING, kind STRING, event_time BIGINT') AS e FROM {events}))
     WATERMARK at DELAY OF INTERVAL 30 SECONDS AS events
JOIN {ads} AS ads USING (ad)
WHERE kind = 'view'
GROUP BY window(at, '10 seconds'), campaign
"""


def views():
    kafka().createOrReplaceTempView("events")
    table("ads").createOrReplaceTempView("ads_table")
    return run(spark.sql(VIEWS.format(events="STREAM events", ads="ads_table")), "gold_views")


def dropped(query):
    return sum(s["numRowsDroppedByWatermark"] for p in query.recentProgress for s in p["stateOperators"])


first = views()
print(table("gold_views").count(), "windows written,", dropped(first), "late rows dropped")

# COMMAND ----------

# MAGIC %md
# MAGIC Now the second half of the stream arrives. The query starts again **from its checkpoint**: it reads only
# MAGIC what is new, the open windows are still there, and the watermark goes on from where it was.

# COMMAND ----------

(spark.createDataFrame(events[half:], "key STRING, value STRING").coalesce(1)
    .write.format("kafka").option("kafka.bootstrap.servers", servers).option("topic", topic).save())
second = views()
print(table("gold_views").count(), "windows written,", dropped(second), "more late rows dropped")
print("watermark now", second.lastProgress["eventTime"]["watermark"])
table("gold_views").orderBy("window_start", "campaign").show(5, truncate=False)

# COMMAND ----------

# MAGIC %md
# MAGIC **How many should there be?** A batch query over bronze has all the data at once and knows no lateness: it
# MAGIC is the truth, and the streaming result is compared with it, window by window. The difference is exactly what
# MAGIC came too late. When that share matters, widen the delay, or correct the gold table by a nightly batch.

# COMMAND ----------

run(raw, "bronze")
run(bad, "quarantine")
run(clean, "silver")
truth = (table("bronze").select(F.from_json("value", SCHEMA).alias("e")).select("e.*").where("kind = 'view'")
    .withColumn("at", F.timestamp_millis("event_time")).join(table("ads"), "ad")
    .groupBy(F.window("at", "10 seconds").start.alias("window_start"), "campaign").agg(F.count("*").alias("all_views")))
both = table("gold_views").join(truth, ["window_start", "campaign"], "left")
late = both.selectExpr("sum(all_views - views) AS missing", "sum(all_views) AS all").first()
print(f"{late['missing']} of {late['all']} views were too late for their window ({late['missing'] / late['all']:.2%})")

# COMMAND ----------

# MAGIC %md
# MAGIC ## 6. Sliding and session windows
# MAGIC
# MAGIC A **sliding** window (a minute, every 20 seconds) counts each event three times, and holds three times the
# MAGIC state: use it for moving averages, not for totals. A **session** window grows while events of a user keep
# MAGIC coming, and closes after 30 seconds of silence. Its end is not known in advance, so it takes the most state
# MAGIC of all: always give it a key.

# COMMAND ----------

stream = spark.readStream.format("delta").load(f"{base}/silver").withWatermark("at", "30 seconds")
run(stream.groupBy(F.window("at", "1 minute", "20 seconds"), "kind").count()
    .select(F.col("window.start").alias("start"), F.col("window.end").alias("end"), "kind", "count"), "gold_rates")
run(stream.groupBy(F.session_window("at", "30 seconds"), "user").agg(F.count("*").alias("events"))
    .selectExpr("user", "session_window.start AS start", "session_window.end AS end", "events"), "gold_sessions")
table("gold_sessions").selectExpr("count(*) AS sessions", "avg(events) AS events_each", "max(events) AS longest",
    "percentile_approx(unix_seconds(end) - unix_seconds(start), 0.5) AS median_seconds").show()

# COMMAND ----------

# MAGIC %md
# MAGIC ## 7. Ask the tables
# MAGIC
# MAGIC Every micro-batch is one Delta version. Readers see whole versions only, so a dashboard may query while the
# MAGIC stream writes. Old versions can be read by number or time until VACUUM.

# COMMAND ----------

table("gold_views").createOrReplaceTempView("gold_views")
spark.sql("""
SELECT campaign, sum(views) AS views, round(avg(views), 1) AS per_window, max(views) AS best_window
FROM gold_views GROUP BY campaign ORDER BY views DESC LIMIT 5""").show()
from delta.tables import DeltaTable
history = DeltaTable.forPath(spark, f"{base}/gold_views").history().orderBy("version")
history.selectExpr("version", "operation", "operationMetrics.numOutputRows AS rows").show(5, truncate=False)
middle = history.count() // 2
then = spark.read.format("delta").option("versionAsOf", middle).load(f"{base}/gold_views").count()
print("version", middle, "had", then, "rows; now", table("gold_views").count())

# COMMAND ----------

# MAGIC %md
# MAGIC ## 8. Insight
# MAGIC
# MAGIC Two questions of the business first: **when** do people look, and **what** do they look at? The left chart
# MAGIC is drawn from the sliding windows, so each point is a minute's total and the line is calm; from windows of a
# MAGIC second it would be noise. Compare the shape of the three lines, not their height: a click line that falls
# MAGIC while views stay is a broken link, long before anybody calls.

# COMMAND ----------

import matplotlib.pyplot as plt

plt.rcParams.update({"axes.spines.top": False, "axes.spines.right": False, "figure.dpi": 80,
                     "axes.titleweight": "bold"})
BLUE, ORANGE, GREEN = "#0072B2", "#D55E00", "#009E73"  # told apart by colour-blind readers too

rates = table("gold_rates").orderBy("start").toPandas().pivot(index="start", columns="kind", values="count").fillna(0)
top = table("gold_views").groupBy("campaign").agg(F.sum("views").alias("views")).orderBy("views").toPandas()
figure, (left, right) = plt.subplots(1, 2, figsize=(13, 3.6), gridspec_kw={"width_ratios": [2, 1]})
for kind, colour in (("view", BLUE), ("click", ORANGE), ("purchase", GREEN)):
    left.plot(rates.index, rates[kind], label=kind, color=colour)
left.set(title="Events per minute, every 20 seconds", ylim=0)
left.legend(frameon=False)
right.barh(top["campaign"], top["views"], color=BLUE)
right.set(title="Views per campaign")
left.tick_params(axis="x", rotation=30)
plt.tight_layout()
plt.show()

# COMMAND ----------

# MAGIC %md
# MAGIC Then three questions about the pipeline itself, because a number is worth what its pipeline is worth:
# MAGIC
# MAGIC - **What is missing in each window?** (left) The orange parts came too late. Evenly thin: normal. Thick in
# MAGIC   one place: a source was cut off for a while.
# MAGIC - **Is the delay right?** (middle) How far each event was behind the newest one when it came. What is right of
# MAGIC   the line may be lost. A delay to the right of nearly all bars costs latency and state for nothing; here the
# MAGIC   two hills say it plainly: out of order by two seconds, and a tunnel of ninety.
# MAGIC - **How old is a row when it can be read?** (right) From the broker's timestamp to the file in the table. This
# MAGIC   notebook reads in two runs, so its rows waited for the cell that reads them; under
# MAGIC   `processingTime="10 seconds"` expect up to ten seconds and the time of a batch. It is this number that people
# MAGIC   mean by "real time": measure it, do not guess.

# COMMAND ----------

by_window = (both.groupBy("window_start").agg(F.expr("sum(all_views - views) AS late"), F.sum("views").alias("views"))
    .orderBy("window_start").toPandas())
order = table("bronze").selectExpr("offset", "from_json(value, 'event_time BIGINT').event_time AS t")
order = order.dropna().toPandas()
behind = (order.sort_values("offset")["t"].cummax() - order.sort_values("offset")["t"]) / 1000
ages = table("bronze").selectExpr("unix_millis(_metadata.file_modification_time) - unix_millis(timestamp) AS ms")
ages = ages.toPandas()["ms"] / 1000
figure, (left, middle, right) = plt.subplots(1, 3, figsize=(16, 3.6))
left.bar(by_window["window_start"], by_window["views"], 8 / 86400, color=BLUE, label="counted in time")
left.bar(by_window["window_start"], by_window["late"], 8 / 86400, by_window["views"], color=ORANGE, label="too late")
left.set(title="Views per window, and what came too late")
left.legend(framealpha=0.9, loc="lower center")
left.tick_params(axis="x", rotation=30)
middle.hist(behind.clip(upper=120), bins=60, color=GREEN, log=True)
middle.axvline(30, color=ORANGE)
middle.set(title="Seconds behind the newest event", xlabel="right of the line: later than the watermark allows")
right.hist(ages, bins=40, color=BLUE)
right.set(title="Seconds from the broker to the table", xlim=0)
plt.tight_layout()
plt.show()
print(f"from the broker to the table: half within {ages.median():.1f} s, all within {ages.max():.1f} s")

# COMMAND ----------

# MAGIC %md
# MAGIC ## 9. Watch the queries
# MAGIC
# MAGIC `lastProgress` is what dashboards and alerts are made of. Four numbers tell nearly everything:
# MAGIC
# MAGIC | Number | Alert when |
# MAGIC |---|---|
# MAGIC | `inputRowsPerSecond` above `processedRowsPerSecond` | for minutes: the query falls behind |
# MAGIC | offsets: latest minus end | it grows: the same, seen from Kafka |
# MAGIC | `eventTime.watermark` | it stands still while rows come: one idle or broken source holds all windows |
# MAGIC | `stateOperators.numRowsTotal` | it grows without end: no watermark, or a delay too long |

# COMMAND ----------

def watch(query):
    rows = []
    for p in query.recentProgress:
        state = p["stateOperators"][0] if p["stateOperators"] else {}
        rows.append((p["batchId"], p["numInputRows"], p["durationMs"].get("triggerExecution"),
                     p["eventTime"].get("watermark"), state.get("numRowsTotal"),
                     state.get("numRowsDroppedByWatermark")))
    return spark.createDataFrame(rows, "batch INT, rows INT, ms INT, watermark STRING, groups_open INT, late INT")


watch(second).show(truncate=False)
source = json.loads(second.lastProgress.json)["sources"][0]


def records(offsets):
    return sum(offset for partitions in offsets.values() for offset in partitions.values())


print("lag:", records(source["latestOffset"]) - records(source["endOffset"]), "records")

# COMMAND ----------

# MAGIC %md
# MAGIC ## 10. Stop cleanly
# MAGIC
# MAGIC `query.stop()` may be called at any time, and the process may die at any time: the micro-batch that was
# MAGIC under way is run again, with the same offsets, and Delta takes it once. What must **not** happen: deleting a
# MAGIC checkpoint to "repair" something. The next start reads from the beginning and doubles every row.

# COMMAND ----------

for query in spark.streams.active:
    query.stop()
print("active streams:", len(spark.streams.active))

# COMMAND ----------

# MAGIC %md
# MAGIC ## 11. The same SQL without a cluster
# MAGIC
# MAGIC One topic does not need Spark. The same SELECT, with `read_kafka` for the source as on Databricks, is a job
# MAGIC for [millrace](../../README.md): one small program, the same semantics, the same Delta table. (And the other
# MAGIC way round: `millrace export` turns its file into the Spark program above, when one machine is not enough.)

# COMMAND ----------

JOB = "CREATE STREAMING TABLE millrace_views AS" + VIEWS.format(
    events="STREAM read_kafka(bootstrapServers => '${servers}', subscribe => '${topic}',\n"
           "                                   startingOffsets => 'earliest', maxOffsetsPerTrigger => 2000)",
    ads="read_files('ads.csv', format => 'csv', header => true, schema => 'ad STRING, campaign STRING')")
if millrace:
    os.makedirs(f"{base}/millrace", exist_ok=True)
    with open(f"{base}/millrace/job.sql", "w") as file:
        file.write(JOB)
    with open(f"{base}/millrace/ads.csv", "w") as file:
        file.write("ad,campaign\n" + "".join(f"{ad},{campaign}\n" for ad, campaign in sorted(ADS.items())))
    began = time.monotonic()
    command = [millrace, "run", f"{base}/millrace/job.sql", "--param", f"servers={servers}",
               "--param", f"topic={topic}", "--available-now", "--warehouse", base]
    done = subprocess.run(command, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    print(f"millrace: {time.monotonic() - began:.2f} s from start to exit, {table('millrace_views').count()} windows")

# COMMAND ----------

# MAGIC %md
# MAGIC Spark read the topic in two runs and millrace in one, so a record at the edge of lateness may have been
# MAGIC judged by different watermarks. For a fair proof Spark reads it in one run as well, with the same
# MAGIC `maxOffsetsPerTrigger`: then both see the same micro-batches, and the tables have to be equal, row for row.

# COMMAND ----------

if millrace:
    run(spark.sql(VIEWS.format(events="STREAM events", ads="ads_table")), "gold_views_once")
    ours, theirs = table("millrace_views"), table("gold_views_once")
    only_ours, only_theirs = ours.exceptAll(theirs).count(), theirs.exceptAll(ours).count()
    print(f"{ours.count()} rows in millrace's table, {theirs.count()} in Spark's; "
          f"only in the one: {only_ours}, only in the other: {only_theirs}")
    assert ours.count() > 0 and only_ours == 0 and only_theirs == 0
    print("equal, row for row")

# COMMAND ----------

# MAGIC %md
# MAGIC ## What to take along
# MAGIC
# MAGIC | Practice | Without it | Where it is said |
# MAGIC |---|---|---|
# MAGIC | Keep a bronze table of raw records | a parser's bug loses data for good | Databricks: medallion architecture |
# MAGIC | Count by event time, with a watermark | numbers depend on when the job ran | Spark guide: "Handling Late Data" |
# MAGIC | Schema by hand, quarantine for the rest | broken records vanish as NULLs | Spark: `from_json` modes |
# MAGIC | Deduplicate by id within a watermark | each retry of a producer is counted | Spark guide: "Streaming Deduplication" |
# MAGIC | One checkpoint per query; never delete it | rows doubled or lost | Spark guide: "Recovering from Failures" |
# MAGIC | `maxOffsetsPerTrigger`, always | the first batch after an outage is as long as it was | Spark: Kafka guide |
# MAGIC | `read_committed` with transactional producers | aborted records are counted | Kafka: consumer settings |
# MAGIC | Alert on lag, watermark and state, not on CPU | green, and hours behind | Spark guide: "Monitoring" |
