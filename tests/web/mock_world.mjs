// SPDX-License-Identifier: MIT
// mock_world: queries, producers, rows, commits and errors as a real millrace would have them, without Kafka. Seeded.

export const STEP = 1000;

// What a query's resource shows.
const PUBLIC = [
  'name', 'sql', 'params', 'tags', 'desired_state', 'state', 'since', 'reason', 'error',
  'restarts', 'next_try_at', 'generation', 'table', 'created_at', 'updated_at',
];

export class Problem extends Error {
  constructor(status, code, detail, extra = {}) {
    super(detail);
    this.status = status;
    this.body = {
      type: `/errors/${code}`,
      title: code.replaceAll('_', ' '),
      status,
      detail,
      code,
      retryable: false,
      hint: '',
      errors: [],
      ...extra,
    };
  }
}

const SQL = `-- Views of ads per campaign and 10 seconds.
CREATE STREAMING TABLE campaign_views
TBLPROPERTIES ('pipelines.trigger.interval' = '1 second', 'millrace.onMalformed' = 'reject')
AS SELECT window.start AS window_start, campaign_id, count(*) AS views
FROM (SELECT e.ad_id, e.event_type, timestamp_millis(e.event_time) AS event_time
      FROM (SELECT from_json(CAST(value AS STRING), 'ad_id STRING, event_type STRING, event_time BIGINT') AS e
            FROM STREAM read_kafka(bootstrapServers => 'localhost:9092', subscribe => 'ads')))
  WATERMARK event_time DELAY OF INTERVAL 5 SECONDS AS events
JOIN read_files('ads.csv', format => 'csv', header => true, schema => 'ad_id STRING, campaign_id STRING') AS ads
  USING (ad_id)
WHERE event_type = 'view'
GROUP BY window(event_time, '10 seconds'), campaign_id;
`;

function random(seed) {
  let s = seed >>> 0;
  return () => {
    s = (s + 0x6d2b79f5) >>> 0;
    let t = Math.imul(s ^ (s >>> 15), 1 | s);
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
    return ((t ^ (t >>> 14)) >>> 0) / 4294967296;
  };
}

export const WINDOWED = [
  { name: 'window_start', type: 'TIMESTAMP' },
  { name: 'campaign_id', type: 'STRING' },
  { name: 'views', type: 'BIGINT' },
];
const FLAT = [
  { name: 'event_time', type: 'TIMESTAMP' },
  { name: 'user_id', type: 'STRING' },
  { name: 'url', type: 'STRING' },
  { name: 'status', type: 'INT' },
  { name: 'bytes', type: 'BIGINT' },
];

export class World {
  constructor(options) {
    this.options = options;
    this.random = random(7);
    this.t0 = Date.now();
    this.started = this.now();
    this.queries = new Map();
    this.producers = new Map();
    this.events = [];
    this.nextEvent = 1;
    if (!options.empty) this.fill();
  }

  now() {
    return Date.now() + (this.options.skew ?? 0);
  }

  iso(t = this.now()) {
    return new Date(t).toISOString();
  }

  event(level, kind, subject, text) {
    const e = { id: this.nextEvent, t: this.iso(), level, kind, subject, text };
    this.nextEvent += 1;
    this.events.unshift(e);
    this.events.length = Math.min(this.events.length, 500);
    return e;
  }

  fill() {
    this.addProducer({
      name: 'ads',
      topic: 'ads',
      template: 'ad_events',
      rate: 20000,
      late_pct: 1,
      malformed_pct: 0.1,
    });
    this.addProducer({
      name: 'clicks',
      topic: 'clicks',
      template: 'clickstream',
      rate: 3500,
      late_pct: 0,
      malformed_pct: 0.4,
    });
    this.addQuery({ name: 'campaign_views', sql: SQL, producer: 'ads', windowed: true });
    this.addQuery({
      name: 'clicks_by_status',
      sql: SQL.replaceAll('campaign_views', 'clicks_by_status'),
      producer: 'clicks',
    });
    this.addQuery({
      name: 'sensor_averages',
      sql: SQL.replaceAll('campaign_views', 'sensor_averages'),
      producer: null,
      windowed: true,
    });
    const failed = this.queries.get('sensor_averages');
    Object.assign(failed, {
      state: 'waiting',
      restarts: 4,
      error: {
        code: 'unavailable',
        text: 'topic sensors: broker 10.0.0.7:9092 refuses the connection',
        retryable: true,
      },
    });
    this.event('error', 'query', 'sensor_averages', 'failed: broker 10.0.0.7:9092 refuses the connection; tries again');
    for (let i = 0; i < 300; i += 1) this.step(this.now() - (300 - i) * STEP, 1);
  }

  addProducer(p) {
    const made = {
      bootstrap_servers: 'kafka-1:9092',
      rows: 0,
      seed: 1,
      skew: 0,
      late_pct: 0,
      disorder_ms: 0,
      duplicates_pct: 0,
      malformed_pct: 0,
      ads_file: null,
      partitions: 4,
      desired_state: 'running',
      state: 'running',
      since: this.iso(),
      error: null,
      sent: 0,
      acked: 0,
      failed: 0,
      actual_rate: 0,
      created_at: this.iso(),
      template: 'ad_events',
      rate: 1000,
      topic: p.name,
      ...p,
    };
    this.producers.set(made.name, made);
    this.event('info', 'producer', made.name, 'started');
    return made;
  }

  addQuery({ name, sql, producer, windowed = false }) {
    const q = {
      name,
      sql,
      params: {},
      tags: [],
      desired_state: 'running',
      state: 'running',
      since: this.iso(),
      reason: '',
      error: null,
      restarts: 0,
      next_try_at: null,
      generation: 1,
      table: name,
      created_at: this.iso(),
      updated_at: this.iso(),
      etag: 1,
      producer,
      windowed,
      columns: windowed ? WINDOWED : FLAT,
      epoch: 0,
      version: 0,
      records: 0,
      rows: 0,
      read: 0,
      waiting: 0,
      lag: 0,
      lastCommit: null,
      metrics: [],
      commits: [],
      kept: [],
      errors: { late: 0, malformed: 0, rejected: 0 },
      samples: [],
      ledger: {
        records: { read: 0, rejected: 0, filtered: 0, no_event_time: 0, no_partner: 0, future: 0, passed: 0, lost: 0 },
        effects: {
          passed: 0,
          fan_out: 0,
          late: 0,
          open: 0,
          closed: 0,
          written: 0,
          having: 0,
          dropped: 0,
        },
      },
      partitions: Array.from({ length: producer === 'ads' || !producer ? 8 : 4 }, (_, p) => ({
        topic: producer ?? 'sensors',
        partition: p,
        position: 120000 + p * 917,
        committed: 120000 + p * 917,
        low: 0,
        end: 120000 + p * 917,
        lag: 0,
        last_record_at: null,
        records_per_s: 0,
        idle: false,
      })),
    };
    this.queries.set(name, q);
    this.event('info', 'query', name, 'runs');
    return q;
  }

  // One second of everything, or a part of it.
  step(t, seconds) {
    for (const p of this.producers.values()) this.stepProducer(p, seconds);
    for (const q of this.queries.values()) this.stepQuery(q, t, seconds);
  }

  stepProducer(p, seconds) {
    if (p.state !== 'running') {
      p.actual_rate = 0;
      return;
    }
    const wave = 1 + 0.05 * Math.sin(Date.now() / 9000);
    const wanted = p.rate > 0 ? p.rate * wave : 400000;
    p.actual_rate = Math.round(Math.min(wanted, 380000) * (0.985 + 0.03 * this.random()));
    const n = Math.round(p.actual_rate * seconds);
    p.sent += n;
    p.acked = p.sent - Math.round(20 * this.random());
  }

  stepQuery(q, t, seconds) {
    const p = this.producers.get(q.producer);
    const come = p ? Math.round(p.actual_rate * seconds) : 0;
    const runs = q.state === 'running';
    q.lag += come;
    const can = 140000 * seconds * (0.93 + 0.1 * this.random());
    const take = runs ? Math.round(Math.min(q.lag, can)) : 0;
    q.lag = Math.max(runs ? Math.round(come * 0.4 * this.random()) : 0, q.lag - take);
    q.rate = take / seconds;
    q.records += take;
    const L = q.ledger;
    const rejected = Math.round(take * ((p?.malformed_pct ?? 0) / 100) * (0.7 + 0.6 * this.random()));
    const filtered = Math.round(take * (q.windowed ? 0.66 : 0.1));
    const passed = take - rejected - filtered;
    const late = q.windowed ? Math.round(passed * ((p?.late_pct ?? 0) / 100)) : 0;
    L.records.read += take;
    L.records.rejected += rejected;
    L.records.filtered += filtered;
    L.records.passed += passed;
    L.effects.passed += passed;
    L.effects.late += late;
    q.errors.late += late;
    q.errors.malformed += rejected;
    q.errors.rejected += rejected;
    if (q.windowed) {
      const closed = Math.round(passed * 0.97) - late;
      L.effects.closed += closed;
      L.effects.written += closed;
      L.effects.open = L.effects.passed - L.effects.late - L.effects.closed;
    } else {
      L.effects.closed += passed;
      L.effects.written += passed;
    }
    this.makeRows(q, t, seconds, passed);
    this.makeSamples(q, t, rejected, late, p);
    q.busy = runs ? shares(Math.min(1, q.rate / 140000), this.random) : { decode: 0, compute: 0, write: 0, idle: 1 };
    q.watermark =
      q.windowed && q.records ? t - 5000 - Math.round(400 * this.random()) - (runs ? 0 : t - (q.stoppedAt ?? t)) : null;
    q.latency =
      runs && q.records
        ? {
            p50: (q.windowed ? 9800 : 640) + 90 * this.random(),
            p95: (q.windowed ? 15100 : 1010) + 150 * this.random(),
            p99: (q.windowed ? 15900 : 1180) + 320 * this.random(),
          }
        : { p50: null, p95: null, p99: null };
    for (const part of q.partitions) {
      const n = Math.round((come / q.partitions.length) * (0.8 + 0.4 * this.random()));
      part.end += n;
      part.lag = Math.round((q.lag / q.partitions.length) * (0.6 + (0.8 * ((part.partition * 37) % 10)) / 10));
      part.position = part.end - part.lag;
      part.committed = Math.max(0, part.position - Math.round(n / 2));
      part.records_per_s = runs ? n / seconds : 0;
      part.last_record_at = come ? this.iso(t) : part.last_record_at;
      part.idle = !come;
    }
    q.point = {
      records_per_s: q.rate,
      rows_per_s: q.rowRate,
      lag: q.lag,
      watermark_lag_ms: q.watermark === null ? null : t - q.watermark,
      latency_p50_ms: q.latency.p50,
      latency_p99_ms: q.latency.p99,
      commit_ms: runs ? 16 + 9 * this.random() : null,
      late_per_s: late / seconds,
      rejected_per_s: rejected / seconds,
      state_bytes: q.windowed ? 180000 + 9000 * Math.sin(t / 4000) : null,
      cpu_share: 1 - (q.busy.idle ?? 1),
    };
    q.metrics.push([t, q.point]);
    while (q.metrics.length > 900) q.metrics.shift();
    if (runs && take) this.commit(q, t, take, rejected, late);
  }

  makeRows(q, t, seconds, passed) {
    const fresh = [];
    const wanted = q === [...this.queries.values()][0] ? this.options.rowsPerS : 0;
    if (wanted) {
      for (let i = 0; i < wanted * seconds; i += 1)
        fresh.push([this.iso(t), `campaign_${String(i % 100).padStart(3, '0')}`, Math.floor(this.random() * 900)]);
    } else if (q.windowed && passed > 0) {
      const window = Math.floor(t / 10000);
      if (q.window !== undefined && window !== q.window)
        for (let c = 0; c < 100; c += 1)
          fresh.push([
            this.iso(q.window * 10000),
            `campaign_${String(c).padStart(3, '0')}`,
            Math.round((passed / 10) * (0.6 + 0.5 * Math.sin(c * 1.7 + window / 3)) + 5 * this.random()),
          ]);
      q.window = window;
    } else {
      for (let i = 0; i < Math.min(40, passed * seconds); i += 1) {
        fresh.push([
          this.iso(t + i),
          `user_${String(Math.floor(this.random() * 5000)).padStart(4, '0')}`,
          ['/', '/cart', '/search?q=mill', '/item/4711', '/login'][Math.floor(this.random() * 5)],
          [200, 200, 200, 304, 404, 500][Math.floor(this.random() * 6)],
          Math.floor(200 + 9000 * this.random()),
        ]);
      }
    }
    q.rowRate = q.windowed && !wanted ? (passed > 0 ? 10 : 0) : wanted || passed / seconds;
    q.rows += q.windowed ? fresh.length : passed;
    q.kept.push(...fresh);
    if (q.kept.length > 10000) q.kept.splice(0, q.kept.length - 10000);
    q.fresh = (q.fresh ?? []).concat(fresh);
  }

  makeSamples(q, t, rejected, late, p) {
    q.freshSamples ??= [];
    const make = (reason, detail, payload) => {
      const part = q.partitions[Math.floor(this.random() * q.partitions.length)];
      const s = {
        reason,
        topic: part.topic,
        partition: part.partition,
        offset: part.position - Math.floor(this.random() * 100),
        timestamp: this.iso(t - 400),
        seen_at: this.iso(t),
        detail,
        payload,
        truncated: false,
      };
      q.samples.unshift(s);
      q.samples.length = Math.min(q.samples.length, 100);
      q.freshSamples.unshift(s);
    };
    if (rejected > 0 && this.random() < 0.3)
      make(
        'malformed_json',
        'not JSON: a string is not closed at byte 71',
        '{"user_id":"a3","page_id":"p9","ad_id":"ad_00417","ad_type":"banner","event_ty',
      );
    if (late > 0 && this.random() < 0.2)
      make(
        'late',
        `event time ${this.iso(t - 31000)} is 26 s behind the watermark ${this.iso(t - 5000)}`,
        `{"ad_id":"ad_00032","event_type":"view","event_time":${t - 31000}}`,
      );
  }

  commit(q, t, records, rejected, late) {
    q.epoch += 1;
    const rows = q.windowed ? (q.kept.length && t % 10000 < STEP ? 100 : 0) : records - rejected;
    if (rows) q.version += 1;
    const phases = {
      fill: 960 - 40 * this.random(),
      compute: 4 + 3 * this.random(),
      prepare: 7 + 5 * this.random(),
      record: 1.5 + this.random(),
      commit: 3 + 3 * this.random() + (this.random() < 0.03 ? 40 : 0),
    };
    q.lastCommit = t;
    const c = {
      epoch: q.epoch,
      version: rows ? q.version : null,
      committed_at: this.iso(t),
      records,
      rows,
      late,
      rejected,
      files: rows ? 1 : 0,
      bytes: rows * 9 + (rows ? 900 : 0),
      duration_ms: Object.values(phases).reduce((a, b) => a + b, 0),
      phases_ms: phases,
      retries: this.random() < 0.01 ? 1 : 0,
      watermark: q.watermark === null ? null : this.iso(q.watermark),
      offsets: q.partitions.map((p) => ({ topic: p.topic, partition: p.partition, from: p.committed, to: p.position })),
    };
    q.commits.unshift(c);
    q.commits.length = Math.min(q.commits.length, 240);
    (q.freshCommits ??= []).unshift(c);
  }

  status(q) {
    const now = this.now();
    const next = q.windowed && q.watermark !== null ? Math.ceil(q.watermark / 10000) * 10000 : null;
    return {
      name: q.name,
      state: q.state,
      desired_state: q.desired_state,
      since: q.since,
      reason: q.reason,
      error: q.error,
      restarts: q.restarts,
      next_try_at: q.state === 'waiting' ? this.iso(now + 8000) : null,
      records: q.records,
      rows: q.rows,
      records_per_s: q.rate ?? 0,
      rows_per_s: q.rowRate ?? 0,
      lag: q.lag,
      lag_ms: q.rate ? (q.lag / q.rate) * 1000 : null,
      watermark: q.watermark ? this.iso(q.watermark) : null,
      max_event_time: q.watermark ? this.iso(q.watermark + 5000) : null,
      watermark_lag_ms: q.watermark ? now - q.watermark : null,
      watermark_holder: q.watermark ? { relation: 'events', topic: q.partitions[0].topic, partition: 3 } : null,
      open_windows: q.windowed && q.watermark ? 200 : 0,
      rows_waiting: q.windowed && q.watermark ? 200 : 0,
      next_window_end: next ? this.iso(next) : null,
      state_bytes: q.windowed ? 184320 : 0,
      epoch: q.epoch,
      version: q.version,
      last_commit_at: q.lastCommit ? this.iso(q.lastCommit) : null,
      commit_age_ms: q.lastCommit ? now - q.lastCommit : null,
      trigger_ms: 1000,
      next_trigger_in_ms: 1000 - (now % 1000),
      behind: q.lag > 200000,
      latency_ms: q.latency ?? { p50: null, p95: null, p99: null },
      commit_ms: { p50: 17, p99: 44 },
      busy: q.busy ?? { decode: 0, compute: 0, write: 0, idle: 1 },
      brokers:
        q.state === 'waiting'
          ? { connected: false, down_since: this.iso(now - 42000), error: 'connection refused' }
          : { connected: true, down_since: null, error: '' },
      why_nothing: q.state === 'running' && !q.rate ? 'No new records in the topic since the last commit.' : null,
      ledger: q.records ? { ...q.ledger, balanced: true } : null,
      expectations: q.windowed ? [{ name: 'known_type', passed: q.records, failed: 3, action: 'drop' }] : [],
      quarantine: q.windowed ? `${q.name}_aside` : null,
    };
  }

  query(name) {
    const q = this.queries.get(name);
    if (!q)
      throw new Problem(404, 'not_found', `There is no query ${name}`, {
        hint: this.queries.size ? `Known: ${[...this.queries.keys()].join(', ')}` : '',
      });
    return q;
  }

  setQuery(q, run) {
    q.desired_state = run ? 'running' : 'stopped';
    q.state = run ? 'starting' : 'draining';
    q.since = this.iso();
    q.error = null;
    setTimeout(() => {
      q.state = run ? 'running' : 'stopped';
      q.stoppedAt = this.now();
      q.since = this.iso();
      this.event('info', 'query', q.name, run ? 'runs' : 'stopped after a last commit');
    }, 400);
  }

  publicQuery(q) {
    return Object.fromEntries(PUBLIC.map((name) => [name, q[name]]));
  }

  info() {
    const memory = process.memoryUsage();
    return {
      name: 'millrace',
      version: this.options.version ?? '0.1.0-mock',
      started_at: this.iso(this.started),
      uptime_ms: this.now() - this.started,
      server_time: this.iso(),
      role: this.options.role ?? 'admin',
      environment: { name: 'demo', colour: '#0b6e77' },
      limits: { websockets: 1024, rows_kept: 10000, queries: 256 },
      state_dir: '.millrace',
      warehouse: './lake',
      process: { cpu_seconds: process.cpuUsage().user / 1e6, rss_bytes: memory.rss, threads: 14, loop_lag_p99_ms: 0.8 },
      ready: true,
      degraded: [],
    };
  }

  table(q) {
    const files = Math.max(1, q.version);
    return {
      name: q.table,
      path: `./lake/${q.table}`,
      query: q.name,
      version: q.version,
      rows: q.rows,
      files,
      bytes: q.rows * 6 + files * 900,
      small_files: files,
      log_versions: q.version + 1,
      first_version: 0,
      partition_columns: [],
      created_at: q.created_at,
      updated_at: q.lastCommit ? this.iso(q.lastCommit) : q.created_at,
      columns: q.columns,
    };
  }
}

function shares(load, rand) {
  const busy = load * (0.9 + 0.1 * rand());
  return { decode: busy * 0.55, compute: busy * 0.3, write: busy * 0.15, idle: 1 - busy };
}
