-- Visits of a shop: what a person does until five minutes pass without a click.
-- millrace run job.sql --param broker=localhost:9092 --available-now

CREATE TEMPORARY VIEW clicks AS
SELECT c.user_id, c.url, c.status, c.agent, timestamp_millis(c.event_time) AS event_time
FROM (SELECT from_json(CAST(value AS STRING), 'event_time BIGINT, user_id BIGINT, url STRING, status INT, agent STRING') AS c
      FROM STREAM read_kafka(bootstrapServers => '${broker}', subscribe => 'clicks',
                             startingOffsets => 'earliest', maxOffsetsPerTrigger => 250));

CREATE STREAMING TABLE visits
COMMENT 'visits: clicks of a user with less than five minutes between them'
TBLPROPERTIES ('pipelines.trigger.interval' = '1 second', 'millrace.late' = './lake/late')
AS SELECT session_window.start AS began, session_window.end AS ended, user_id,
          count(*) AS clicks,
          count_if(url LIKE '/product/%') AS products,
          count_if(status >= 400) AS errors,
          min_by(url, event_time) AS first_page,
          max_by(url, event_time) AS last_page,
          bool_or(url = '/checkout') AS bought
FROM STREAM clicks WATERMARK event_time DELAY OF INTERVAL 1 MINUTE
WHERE user_id IS NOT NULL AND agent NOT LIKE 'curl/%'
GROUP BY session_window(event_time, '5 minutes'), user_id;
