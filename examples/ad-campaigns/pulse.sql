-- Events per second and kind, as they come: the pulse of the stream.
-- millrace run pulse.sql --param broker=localhost:9092

CREATE TEMPORARY VIEW ad_events AS
SELECT e.event_type, timestamp_millis(e.event_time) AS event_time
FROM (SELECT from_json(CAST(value AS STRING), 'event_type STRING, event_time BIGINT') AS e
      FROM STREAM read_kafka(bootstrapServers => '${broker}', subscribe => 'ad-events', startingOffsets => 'earliest'));

CREATE STREAMING TABLE event_pulse
COMMENT 'events per second and kind'
TBLPROPERTIES ('pipelines.trigger.interval' = '1 second')
AS SELECT window.start AS second, event_type, count(*) AS events
FROM STREAM ad_events WATERMARK event_time DELAY OF INTERVAL 1 SECOND
GROUP BY window(event_time, '1 second'), event_type;
