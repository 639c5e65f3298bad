// SPDX-License-Identifier: MIT
// pure: the modules that need no page: numbers, rings, ranking, SQL words, the choice of a picture, back-off.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { bars, choose, lines } from '../../web/js/charts/result.js';
import { sparkPath } from '../../web/js/charts/spark.js';
import * as f from '../../web/js/format.js';
import { Ring, Rows, thin } from '../../web/js/ring.js';
import { health, rank } from '../../web/js/slow.js';
import { Socket, backoff } from '../../web/js/socket.js';
import { offsetOf, placeOf, words } from '../../web/js/sql.js';

test('si keeps three figures and never rounds into the next unit', () => {
  const cases = [
    [0, '0'],
    [7, '7'],
    [0.125, '0.125'],
    [12.34, '12.3'],
    [999, '999'],
    [999.6, '1000'],
    [1000, '1k'],
    [1234, '1.23k'],
    [12345, '12.3k'],
    [123456, '123k'],
    [999960, '1M'],
    [1234567, '1.23M'],
    [5e9, '5G'],
    [-2500, '-2.5k'],
    [null, '–'],
    [undefined, '–'],
    [NaN, 'NaN'],
    [Infinity, 'Infinity'],
  ];
  for (const [value, text] of cases) assert.equal(f.si(value), text, String(value));
});

test('int separates thousands with a space that does not break', () => {
  assert.equal(f.int(1234567), '1\u202f234\u202f567');
  assert.equal(f.int(-1234), '-1\u202f234');
  assert.equal(f.int(999), '999');
});

test('span names a unit that fits', () => {
  const cases = [
    [0, '0 ms'],
    [0.42, '0.42 ms'],
    [3.14159, '3.1 ms'],
    [180, '180 ms'],
    [3100, '3.1 s'],
    [42000, '42 s'],
    [65000, '1 min 05 s'],
    [59999, '1 min 00 s'],
    [7800000, '2 h 10 min'],
    [277200000, '3 d 5 h'],
    [-500, '-500 ms'],
    [null, '–'],
  ];
  for (const [value, text] of cases) assert.equal(f.span(value), text, String(value));
});

test('bytes count in 1024', () => {
  assert.equal(f.bytes(0), '0 B');
  assert.equal(f.bytes(1023), '1023 B');
  assert.equal(f.bytes(1024), '1 KiB');
  assert.equal(f.bytes(1536), '1.5 KiB');
  assert.equal(f.bytes(1048575), '1 MiB');
  assert.equal(f.bytes(5e12), '4.55 TiB');
});

test('shares that are not nothing never read 0 %', () => {
  assert.equal(f.percent(0), '0 %');
  assert.equal(f.percent(0.00001), '<0.1 %');
  assert.equal(f.percent(0.0213), '2.1 %');
  assert.equal(f.percent(1), '100 %');
  assert.equal(f.percent(NaN), '–');
});

test('instants are shown in the chosen zone', () => {
  const t = '2026-03-01T12:00:05.250Z';
  assert.equal(f.clock(t, 'utc'), '12:00:05');
  assert.equal(f.stamp(t, 'utc'), '2026-03-01 12:00:05');
  assert.equal(f.moment(t, 'utc'), '2026-03-01 12:00:05.250');
  assert.equal(f.moment('2026-03-01T12:00:05.000Z', 'utc'), '2026-03-01 12:00:05');
  assert.equal(f.moment('no time', 'utc'), 'no time');
  assert.equal(f.clock(null), '–');
  assert.equal(f.ago('2026-03-01T12:00:00.000Z', Date.parse('2026-03-01T12:00:42.000Z')), '42 s ago');
  assert.equal(f.ago('2026-03-01T12:00:09.000Z', Date.parse('2026-03-01T12:00:00.000Z')), 'in 9 s');
});

test('a text that a spreadsheet would run is disarmed, a number is not', () => {
  assert.equal(f.csvCell('=1+1'), "'=1+1");
  assert.equal(f.csvCell('@x'), "'@x");
  assert.equal(f.csvCell(-5), '-5');
  assert.equal(f.csvCell('a,"b"\nc'), '"a,""b""\nc"');
  assert.equal(f.csvCell(null), '');
  assert.equal(f.csv([{ name: 'a' }, { name: 'b' }], [[1, '-x']]), "a,b\r\n1,'-x\r\n");
  assert.equal(f.ndjson([{ name: 'a' }], [[null], [2]]), '{"a":null}\n{"a":2}\n');
});

test('a copied command survives quotes in names', () => {
  assert.equal(
    f.curl('http://h', 'POST', '/x', { a: "it's" }),
    `curl -s -X POST 'http://h/api/v1/x' -H 'Content-Type: application/json' -d '{"a":"it'\\''s"}'`,
  );
});

test('a ring forgets the oldest, overwrites the same time, and keeps holes', () => {
  const r = new Ring(3);
  for (let t = 1; t <= 5; t += 1) r.push(t, { a: t * 10 });
  assert.deepEqual(
    r.points('a').map((p) => p.y),
    [30, 40, 50],
  );
  r.push(5, { a: 55, b: 1 });
  r.push(2, { a: 99 });
  assert.deepEqual(
    r.points('a').map((p) => [p.x, p.y]),
    [
      [3, 30],
      [4, 40],
      [5, 55],
    ],
  );
  assert.deepEqual(
    r.points('b').map((p) => p.y),
    [null, null, 1],
  );
  assert.equal(r.newest('a'), 55);
  assert.equal(r.first, 3);
});

test('a block of the wire with null values and a late repeat of its end', () => {
  const r = new Ring(10);
  r.append({ t0: 0, step_ms: 500, series: { a: [null, null], b: [null, null] } });
  assert.equal(r.first, null);
  r.append({ t0: '1970-01-01T00:00:01.000Z', step_ms: 1000, series: { a: [1, null, 3] } });
  r.append({ t0: 3000, step_ms: 1000, series: { a: [33, 4] } });
  assert.deepEqual(
    r.points('a').map((p) => p.y),
    [1, null, 33, 4],
  );
});

test('an outage is a gap, not a line', () => {
  const r = new Ring(10);
  r.push(1000, { a: 1 });
  r.push(2000, { a: 2 });
  r.push(60000, { a: 3 });
  assert.deepEqual(r.points('a', 0, 3000), [
    { x: 1000, y: 1 },
    { x: 2000, y: 2 },
    { x: 2001, y: null },
    { x: 60000, y: 3 },
  ]);
});

test('thinning keeps every peak and every gap', () => {
  const points = Array.from({ length: 10000 }, (_, x) => ({ x, y: Math.sin(x / 50) }));
  points[4321].y = 99;
  points[7000].y = null;
  const out = thin(points, 400);
  assert.ok(out.length <= 600, String(out.length));
  assert.ok(out.some((p) => p.y === 99));
  assert.ok(out.some((p) => p.y === null));
  assert.ok(out.every((p, i) => i === 0 || p.x > out[i - 1].x));
  assert.equal(thin(points.slice(0, 10), 400).length, 10);
});

test('ten thousand rows stay ten thousand, whatever comes', () => {
  const rows = new Rows(10000);
  for (let i = 0; i < 50; i += 1) rows.append(Array.from({ length: 1000 }, (_, j) => [i * 1000 + j]));
  assert.ok(rows.rows.length <= 10000 && rows.rows.length >= 7500, String(rows.rows.length));
  assert.equal(rows.rows.at(-1)[0], 49999);
  assert.equal(rows.seen, 50000);
  rows.append(Array.from({ length: 25000 }, (_, j) => [j]));
  assert.equal(rows.rows.length, 10000);
  assert.equal(rows.rows[0][0], 15000);
});

const quiet = {
  name: 'q',
  state: 'running',
  desired_state: 'running',
  records_per_s: 1000,
  rows_per_s: 10,
  lag: 5,
  lag_ms: 5,
  behind: false,
  trigger_ms: 1000,
  latency_ms: { p50: 500, p95: 900, p99: 1200 },
  commit_ms: { p50: 10, p99: 20 },
  busy: { decode: 0.1, compute: 0.05, write: 0.02, idle: 0.83 },
  brokers: { connected: true },
  why_nothing: null,
  expectations: [],
  ledger: {
    balanced: true,
    records: { read: 1000, rejected: 0, passed: 1000, lost: 0 },
    effects: { passed: 1000, fan_out: 0, late: 0 },
  },
};

test('a query that keeps up is not slow', () => {
  assert.deepEqual(rank({ queries: [quiet] }), []);
  assert.equal(health({ connected: true, queries: [quiet], findings: [] }).level, 'ok');
});

test('what has failed comes before what is late, and says why', () => {
  const failed = { ...quiet, name: 'b', state: 'failed', error: { text: 'disk full' } };
  const late = { ...quiet, name: 'c', ledger: { ...quiet.ledger, effects: { passed: 1000, fan_out: 0, late: 50 } } };
  const found = rank({ queries: [late, failed] });
  assert.deepEqual(
    found.map((x) => [x.subject, x.level, x.tab]),
    [
      ['b', 'bad', 'health'],
      ['c', 'warn', 'errors'],
    ],
  );
  assert.equal(found[0].why, 'disk full.');
  assert.match(found[1].text, /5 % of its rows as late/);
  assert.equal(health({ connected: true, findings: found }).level, 'bad');
  assert.equal(health({ connected: false, findings: [] }).level, 'down');
});

test('behind: tells apart who catches up from who falls back, and names what is busy', () => {
  const q = { ...quiet, behind: true, lag: 500000, busy: { decode: 0.7, compute: 0.2, write: 0.05, idle: 0.05 } };
  const up = rank({ queries: [q], before: new Map([['q', { lag: 800000, ago_s: 30 }]]) })[0];
  assert.match(up.text, /catches up in about 50 s/);
  assert.equal(up.level, 'info');
  const back = rank({ queries: [q], before: new Map([['q', { lag: 200000, ago_s: 30 }]]) })[0];
  assert.match(back.text, /falls behind by 10k records\/s/);
  assert.equal(back.level, 'warn');
  assert.match(back.why, /70 % of its time is decode/);
});

test('a stuck watermark names its holder; a ledger that does not balance outranks it', () => {
  const stuck = { ...quiet, why_nothing: 'The watermark stands.', watermark_holder: { topic: 't', partition: 7 } };
  assert.match(rank({ queries: [stuck] })[0].why, /newest event is from t partition 7/);
  const wrong = { ...stuck, ledger: { ...quiet.ledger, balanced: false } };
  assert.match(rank({ queries: [wrong] })[0].text, /does not account/);
});

test('a broker that is connected and says nothing is told once, and since when', () => {
  const brokers = { connected: true, silent_since: new Date(Date.now() - 12000).toISOString(), error: 'no answer' };
  const q = { ...quiet, brokers, why_nothing: 'broker h:9092 has not answered' };
  const found = rank({ queries: [q], now: Date.now() });
  assert.equal(found.length, 1);
  assert.match(found[0].text, /no answer from its broker for 12 s/);
});

test('producers: failed, refused, slower than asked', () => {
  const p = { name: 'p', state: 'running', rate: 1000, actual_rate: 100, failed: 0 };
  assert.match(rank({ producers: [p] })[0].text, /sends 100\/s of 1k\/s/);
  assert.equal(rank({ producers: [{ ...p, rate: 0 }] }).length, 0);
  assert.equal(rank({ producers: [{ ...p, state: 'failed', error: 'gone' }] })[0].level, 'bad');
});

test('words join to the text and know strings, comments, parameters', () => {
  const sql = "SELECT count(*) AS n -- it's\nFROM `a b` WHERE x = 'it''s ${y}' AND z > 1.5e3 /* open";
  const found = words(sql);
  assert.equal(found.map((w) => w.text).join(''), sql);
  const kinds = Object.fromEntries(found.map((w) => [w.text.trim(), w.kind]));
  assert.equal(kinds.SELECT, 'keyword');
  assert.equal(kinds.count, 'function');
  assert.equal(kinds["-- it's"], 'comment');
  assert.equal(kinds["'it''s ${y}'"], 'string');
  assert.equal(kinds['1.5e3'], 'number');
  assert.equal(kinds['/* open'], 'comment');
  assert.equal(words('${a}')[0].kind, 'param');
});

test('line and column from 1, there and back', () => {
  const text = 'a\nbcd\n\nx';
  assert.equal(offsetOf(text, 2, 3), 4);
  assert.deepEqual(placeOf(text, 4), { line: 2, column: 3 });
  assert.deepEqual(placeOf(text, 0), { line: 1, column: 1 });
  assert.equal(offsetOf(text, 99, 1), text.length);
});

const windowed = [
  { name: 'window_start', type: 'TIMESTAMP' },
  { name: 'campaign_id', type: 'STRING' },
  { name: 'views', type: 'BIGINT' },
];

test('the picture follows the schema', () => {
  assert.deepEqual(choose(windowed), { kind: 'lines', x: 'window_start', y: 'views', series: 'campaign_id' });
  assert.equal(
    choose([
      { name: 'k', type: 'STRING' },
      { name: 'n', type: 'DECIMAL(10,2)' },
    ]).kind,
    'bars',
  );
  assert.equal(choose([{ name: 'a', type: 'STRING' }]).kind, 'none');
  assert.equal(
    choose([
      { name: 't', type: 'TIMESTAMP' },
      { name: 'price', type: 'DOUBLE' },
    ]).series,
    null,
  );
});

test('rows that are events are counted by what makes few groups', () => {
  const flat = [
    { name: 'event_time', type: 'TIMESTAMP' },
    { name: 'user_id', type: 'STRING' },
    { name: 'status', type: 'INT' },
    { name: 'bytes', type: 'BIGINT' },
  ];
  const rows = Array.from({ length: 90 }, (_, i) => [new Date(i * 100).toISOString(), `u${i}`, [200, 404][i % 2], i]);
  const found = choose(flat, rows);
  assert.deepEqual(found, { kind: 'lines', x: 'event_time', y: null, series: 'status' });
  const { names, data } = lines(flat, rows, found);
  assert.deepEqual(names, ['200', '404']);
  assert.deepEqual([data['200'].length, data['200'][0]], [9, { x: 0, y: 5 }]);
  assert.deepEqual(bars(flat, rows, found).items, [
    { name: '200', value: 45 },
    { name: '404', value: 45 },
  ]);
});

test('lines: the greatest first, a row again replaces, order of time', () => {
  const rows = [
    ['2026-01-01T00:00:10Z', 'a', 5],
    ['2026-01-01T00:00:00Z', 'a', 1],
    ['2026-01-01T00:00:00Z', 'b', '100'],
    ['2026-01-01T00:00:10Z', 'a', 7],
    ['x', 'c', 1],
    ['2026-01-01T00:00:00Z', 'd', null],
  ];
  const out = lines(windowed, rows, choose(windowed), 1);
  assert.deepEqual(out.names, ['b']);
  assert.equal(out.others, 1);
  assert.deepEqual(
    lines(windowed, rows, choose(windowed)).data.a.map((p) => p.y),
    [1, 7],
  );
});

test('bars: only the newest window', () => {
  const rows = [
    ['2026-01-01T00:00:00Z', 'a', 50],
    ['2026-01-01T00:00:10Z', 'a', 5],
    ['2026-01-01T00:00:10Z', 'b', 9],
  ];
  assert.deepEqual(bars(windowed, rows, choose(windowed)).items, [
    { name: 'b', value: 9 },
    { name: 'a', value: 5 },
  ]);
});

test('a spark breaks at gaps', () => {
  const path = sparkPath(
    [
      { x: 0, y: 1 },
      { x: 1, y: null },
      { x: 2, y: 1 },
    ],
    0,
    2,
  );
  assert.equal(path.match(/M/g).length, 2);
});

test('back-off: doubles to 15 s, full jitter, never at once', () => {
  assert.equal(
    backoff(0, () => 1),
    500,
  );
  assert.equal(
    backoff(3, () => 1),
    4000,
  );
  assert.equal(
    backoff(20, () => 1),
    15000,
  );
  assert.equal(
    backoff(5, () => 0),
    100,
  );
});

// A WebSocket that a test drives.
class Wire {
  constructor() {
    this.sent = [];
    this.readyState = 1;
  }
  send(text) {
    this.sent.push(JSON.parse(text));
  }
  close() {
    this.onclose?.({ reason: '' });
  }
  hear(message) {
    this.onmessage({ data: typeof message === 'string' ? message : JSON.stringify(message) });
  }
}

test('subscriptions outlive the connection, and a pause drops deltas but not the first picture', (t) => {
  t.mock.timers.enable({ apis: ['setTimeout', 'setInterval'] });
  const wires = [];
  const s = new Socket('ws://x', () => {
    wires.push(new Wire());
    return wires.at(-1);
  });
  const got = [];
  const sub = s.subscribe({ channel: 'rows', params: { query: 'q' }, onData: (type, data) => got.push([type, data]) });
  s.open();
  wires[0].onopen();
  assert.equal(wires[0].sent[0].type, 'hello');
  wires[0].hear({ type: 'welcome', build: '1', heartbeat_ms: 15000 });
  assert.equal(s.state, 'open');
  const asked = wires[0].sent.find((m) => m.type === 'sub');
  assert.deepEqual([asked.channel, asked.params], ['rows', { query: 'q' }]);
  wires[0].hear('not json');
  s.pause(true);
  wires[0].hear({ type: 'delta', id: asked.id, data: 1 });
  wires[0].hear({ type: 'snap', id: asked.id, data: 2 });
  wires[0].hear({ type: 'delta', id: asked.id, data: 3 });
  assert.deepEqual(got, [
    ['delta', 1],
    ['snap', 2],
  ]);
  s.pause(false);
  wires[0].close();
  assert.equal(s.state, 'down');
  t.mock.timers.tick(16000);
  assert.equal(wires.length, 2);
  wires[1].onopen();
  wires[1].hear({ type: 'welcome', build: '1' });
  assert.ok(wires[1].sent.some((m) => m.type === 'sub' && m.id === asked.id));
  sub.close();
  assert.ok(wires[1].sent.some((m) => m.type === 'unsub' && m.id === asked.id));
  s.close();
});

test('a server that says bye chooses when to come back', (t) => {
  t.mock.timers.enable({ apis: ['setTimeout', 'setInterval'] });
  let n = 0;
  let wire;
  const s = new Socket('ws://x', () => {
    n += 1;
    wire = new Wire();
    return wire;
  });
  s.open();
  wire.hear({ type: 'bye', reason: 'shutdown', retry_ms: 700 });
  wire.close();
  t.mock.timers.tick(699);
  assert.equal(n, 1);
  t.mock.timers.tick(2);
  assert.equal(n, 2);
  s.close();
});
