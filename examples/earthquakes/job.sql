-- Earthquakes as they are known: every report, first ones and revisions, per ten minutes and network.
-- millrace run job.sql --param broker=localhost:9092 --available-now

CREATE TEMPORARY VIEW reports AS
SELECT q.id, q.depth_km, q.properties.mag AS mag, q.properties.place AS place, q.properties.net AS net,
       q.properties.status AS status, q.properties.updated AS updated, timestamp_millis(q.event_time) AS event_time
FROM (SELECT from_json(CAST(value AS STRING), 'event_time BIGINT, id STRING, depth_km DOUBLE,
                       properties STRUCT<mag: DOUBLE, place: STRING, net: STRING, status: STRING, updated: BIGINT>') AS q
      FROM STREAM read_kafka(bootstrapServers => '${broker}', subscribe => 'quakes', startingOffsets => 'earliest'));

CREATE STREAMING TABLE quakes_per_10_minutes
COMMENT 'reports of earthquakes per ten minutes and network'
TBLPROPERTIES ('pipelines.trigger.interval' = '1 second', 'millrace.late' = './lake/late')
AS SELECT window.start AS window_start, net,
          count(*) AS reports,
          count_if(status = 'reviewed') AS revisions,
          max(mag) AS strongest,
          max_by(place, mag) AS strongest_at,
          min(depth_km) AS shallowest_km
FROM STREAM reports WATERMARK event_time DELAY OF INTERVAL 15 MINUTES
WHERE mag >= 1
GROUP BY window(event_time, '10 minutes'), net;
