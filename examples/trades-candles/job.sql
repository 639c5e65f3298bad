-- Candles: open, high, low, close and volume per product and 30 seconds, from the trades of an exchange.
-- millrace run job.sql --param broker=localhost:9092 --available-now

CREATE TEMPORARY VIEW trades AS
SELECT t.product_id, t.trade_id, CAST(t.price AS DECIMAL(18, 2)) AS price, CAST(t.last_size AS DECIMAL(18, 8)) AS size,
       t.side, timestamp_millis(t.event_time) AS event_time
FROM (SELECT from_json(CAST(value AS STRING), 'event_time BIGINT, product_id STRING, trade_id BIGINT, price STRING,
                       last_size STRING, side STRING') AS t
      FROM STREAM read_kafka(bootstrapServers => '${broker}', subscribe => 'trades', startingOffsets => 'earliest'));

CREATE STREAMING TABLE candles
COMMENT 'open, high, low, close and volume per product and 30 seconds'
TBLPROPERTIES ('pipelines.trigger.interval' = '1 second', 'millrace.late' = './lake/late')
AS SELECT window.start AS window_start, product_id,
          min_by(price, trade_id) AS open,
          max(price) AS high,
          min(price) AS low,
          max_by(price, trade_id) AS close,
          sum(size) AS volume,
          count(*) AS trades,
          count_if(side = 'buy') AS buys
FROM STREAM trades WATERMARK event_time DELAY OF INTERVAL 5 SECONDS
GROUP BY window(event_time, '30 seconds'), product_id;
