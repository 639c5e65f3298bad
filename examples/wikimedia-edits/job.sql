-- Who edits: per minute and wiki, edits by people and by bots, and the text that came or went.
-- millrace run job.sql --param broker=localhost:9092 --available-now

CREATE TEMPORARY VIEW changes AS
SELECT e.wiki, e.type, e.bot, e.title, e.user, e.length.new - coalesce(e.length.old, 0) AS grown,
       timestamp_millis(e.event_time) AS event_time
FROM (SELECT from_json(CAST(value AS STRING), 'event_time BIGINT, wiki STRING, type STRING, title STRING, user STRING,
                       bot BOOLEAN, length STRUCT<old: INT, new: INT>') AS e
      FROM STREAM read_kafka(bootstrapServers => '${broker}', subscribe => 'edits', startingOffsets => 'earliest'));

CREATE STREAMING TABLE edits_per_minute
COMMENT 'edits of Wikimedia wikis per minute'
TBLPROPERTIES ('pipelines.trigger.interval' = '1 second', 'millrace.late' = './lake/late')
AS SELECT window.start AS window_start, wiki,
          count(*) AS edits,
          count_if(bot) AS by_bots,
          sum(grown) AS grown,
          max_by(title, grown) AS grew_most
FROM STREAM changes WATERMARK event_time DELAY OF INTERVAL 20 SECONDS
WHERE type IN ('edit', 'new')
GROUP BY window(event_time, '1 minute'), wiki;
