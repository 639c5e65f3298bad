-- Readings of sensors that may be trusted, and the others set aside with the reason.
-- millrace run job.sql --param broker=localhost:9092 --available-now

CREATE TEMPORARY VIEW readings AS
SELECT r.device_id, timestamp_millis(r.event_time) AS measured_at, r.temperature, r.humidity, r.battery,
       r.location.latitude AS latitude, partition, offset
FROM (SELECT from_json(CAST(value AS STRING), 'device_id STRING, event_time BIGINT, temperature DOUBLE, humidity DOUBLE,
                       battery INT, location STRUCT<latitude: DOUBLE, longitude: DOUBLE>') AS r, partition, offset
      FROM STREAM read_kafka(bootstrapServers => '${broker}', subscribe => 'readings', startingOffsets => 'earliest'));

CREATE STREAMING TABLE trusted (
  CONSTRAINT readable EXPECT (device_id LIKE 'sensor-%' AND measured_at IS NOT NULL) ON VIOLATION DROP ROW,
  CONSTRAINT plausible EXPECT (temperature BETWEEN 15.5 AND 25 AND humidity BETWEEN 0 AND 100) ON VIOLATION DROP ROW,
  CONSTRAINT charged EXPECT (battery >= 55),
  CONSTRAINT on_earth EXPECT (latitude IS NULL OR latitude BETWEEN -90 AND 90) ON VIOLATION FAIL UPDATE)
COMMENT 'readings that meet the rules'
TBLPROPERTIES ('pipelines.trigger.interval' = '1 second', 'millrace.quarantine' = './lake/quarantine')
AS SELECT device_id, measured_at, temperature, humidity, battery, latitude, partition, offset FROM STREAM readings;
