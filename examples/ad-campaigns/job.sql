-- Views of ads per campaign and 10 seconds.
-- millrace run job.sql --param broker=localhost:9092 --available-now

CREATE TEMPORARY VIEW ad_events AS
SELECT e.ad_id, e.event_type, timestamp_millis(e.event_time) AS event_time
FROM (SELECT from_json(CAST(value AS STRING), 'ad_id STRING, event_type STRING, event_time BIGINT') AS e
      FROM STREAM read_kafka(bootstrapServers => '${broker}', subscribe => 'ad-events',
                             startingOffsets => 'earliest', maxOffsetsPerTrigger => 2000));

CREATE STREAMING TABLE campaign_views
COMMENT 'views of ads per campaign and 10 seconds'
TBLPROPERTIES ('pipelines.trigger.interval' = '1 second',
               'millrace.onMalformed' = 'reject', 'millrace.rejects' = './lake/rejects',
               'millrace.late' = './lake/late')
AS SELECT window.start AS window_start, campaign_id, count(*) AS views
FROM STREAM ad_events WATERMARK event_time DELAY OF INTERVAL 5 SECONDS
JOIN read_files('ads.csv', format => 'csv', header => true, schema => 'ad_id STRING, campaign_id STRING') AS ads
  USING (ad_id)
WHERE event_type = 'view'
GROUP BY window(event_time, '10 seconds'), campaign_id;
