// SPDX-License-Identifier: MIT
// mock: a server of docs/rest.md with lively made-up data, for the browser tests and for work on the pages without a
// broker. Node's standard library only.
//
//   node tests/web/mock.mjs [--port 8099] [--empty] [--skew MS] [--rows-per-s N] [--hz N] [--delay MS] [--role viewer]
//
// --skew moves the server's clock; --rows-per-s is what the first query puts out; --hz how often metrics are sent (a
// point each time); --delay makes every REST answer slow.

import { createHash } from 'node:crypto';
import { existsSync, readFileSync } from 'node:fs';
import { createServer } from 'node:http';
import { homedir } from 'node:os';
import { dirname, extname, join, normalize } from 'node:path';
import { fileURLToPath } from 'node:url';
import { routes } from './mock_rest.mjs';
import { Problem, STEP, World } from './mock_world.mjs';

const TOP = join(dirname(fileURLToPath(import.meta.url)), '../..');
const SOURCES =
  process.env.MILLRACE_DEPS ?? join(process.env.XDG_CACHE_HOME || join(homedir(), '.cache'), 'millrace/src');
const CHART = join(SOURCES, 'chartjs-4.6.1/vendor/chart.umd.min.js');
const TYPES = {
  '.html': 'text/html; charset=utf-8',
  '.js': 'text/javascript; charset=utf-8',
  '.css': 'text/css; charset=utf-8',
  '.svg': 'image/svg+xml',
};
const POLICY =
  "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; " +
  "font-src 'self'; connect-src 'self'; " +
  "base-uri 'none'; form-action 'none'; frame-ancestors 'none'";
const STATIC = {
  'Content-Security-Policy': POLICY,
  'X-Content-Type-Options': 'nosniff',
  'Referrer-Policy': 'no-referrer',
};

// ---- WebSocket: text frames, by hand ----

function frame(text) {
  const data = Buffer.from(text);
  const n = data.length;
  const head =
    n < 126 ? Buffer.from([0x81, n]) : n < 65536 ? Buffer.from([0x81, 126, n >> 8, n & 255]) : Buffer.alloc(10);
  if (n >= 65536) {
    head[0] = 0x81;
    head[1] = 127;
    head.writeBigUInt64BE(BigInt(n), 2);
  }
  return Buffer.concat([head, data]);
}

class Session {
  constructor(socket, world) {
    this.socket = socket;
    this.world = world;
    this.subs = new Map();
    this.rest = Buffer.alloc(0);
    socket.on('data', (chunk) => this.read(chunk));
    socket.on('error', () => {});
  }

  send(message) {
    if (!this.socket.destroyed) this.socket.write(frame(JSON.stringify(message)));
  }

  read(chunk) {
    this.rest = Buffer.concat([this.rest, chunk]);
    for (;;) {
      const b = this.rest;
      if (b.length < 6) return;
      let n = b[1] & 127;
      let at = 2;
      if (n === 126) {
        n = b.readUInt16BE(2);
        at = 4;
      } else if (n === 127) {
        n = Number(b.readBigUInt64BE(2));
        at = 10;
      }
      if (b.length < at + 4 + n) return;
      const mask = b.subarray(at, at + 4);
      const data = Buffer.from(b.subarray(at + 4, at + 4 + n));
      for (let i = 0; i < n; i += 1) data[i] ^= mask[i & 3];
      this.rest = b.subarray(at + 4 + n);
      const code = b[0] & 15;
      if (code === 1) this.message(JSON.parse(data.toString()));
      else if (code === 8) {
        this.socket.end(Buffer.from([0x88, 0]));
        return;
      }
    }
  }

  message(m) {
    const w = this.world;
    if (m.type === 'hello')
      this.send({
        type: 'welcome',
        session: 'x',
        server_time: w.iso(),
        build: w.info().version,
        heartbeat_ms: 15000,
        limits: {},
        role: w.info().role,
        signed_in_as: w.options.signedInAs ?? null,
      });
    else if (m.type === 'ping') this.send({ type: 'hb', t: w.iso(), server_time: w.iso(), lag_ms: 0, drops: 0 });
    else if (m.type === 'unsub') this.subs.delete(m.id);
    else if (m.type === 'set') {
      const s = this.subs.get(m.id);
      if (s) Object.assign(s, m);
    } else if (m.type === 'sub') {
      const sub = { ...m, seq: 0, sentPoint: 0 };
      this.subs.set(m.id, sub);
      this.snap(sub);
    }
  }

  queryOf(sub) {
    return this.world.queries.get(sub.params?.query ?? String(sub.params?.source ?? '').split('.')[0]);
  }

  put(sub, type, data) {
    sub.seq += 1;
    this.send({ type, id: sub.id, seq: sub.seq, t: this.world.iso(), data });
  }

  all() {
    const w = this.world;
    return {
      info: w.info(),
      queries: [...w.queries.values()].map((q) => w.status(q)),
      producers: [...w.producers.values()],
    };
  }

  series(q, from) {
    const points = q.metrics.filter(([t]) => t > from);
    const names = Object.keys(q.point ?? {});
    return {
      t0: points.length ? this.world.iso(points[0][0]) : this.world.iso(),
      step_ms: points.length > 1 ? Math.round((points.at(-1)[0] - points[0][0]) / (points.length - 1)) : STEP,
      series: Object.fromEntries(names.map((n) => [n, points.map(([, p]) => p[n])])),
    };
  }

  snap(sub) {
    const q = this.queryOf(sub);
    if (sub.channel === 'status') return this.put(sub, 'snap', this.all());
    if (sub.channel === 'events') return this.put(sub, 'snap', { items: this.world.events });
    if (!q)
      return this.send({
        type: 'err',
        id: sub.id,
        problem: new Problem(404, 'not_found', 'There is no such query').body,
      });
    this.world.touch?.(q);
    sub.sentPoint = q.metrics.at(-1)?.[0] ?? 0;
    if (sub.channel === 'metrics') return this.put(sub, 'snap', this.series(q, 0));
    if (sub.channel === 'rows')
      return this.put(sub, 'snap', {
        columns: q.columns,
        rows: q.kept.slice(-(sub.max_rows ?? 1000)),
        total: q.rows,
        sampled: 1,
      });
    if (sub.channel === 'commits') return this.put(sub, 'snap', { items: q.commits });
    if (sub.channel === 'errors') return this.put(sub, 'snap', { counts: q.errors, samples: q.samples });
    return this.put(sub, 'snap', { items: q.partitions });
  }

  // What only the newest counts of, no more often than asked for.
  due(sub) {
    if (!['status', 'partitions'].includes(sub.channel) || !sub.max_hz) return true;
    const now = Date.now();
    if (now - (sub.sentAt ?? 0) < 1000 / sub.max_hz - 20) return false;
    sub.sentAt = now;
    return true;
  }

  push(fresh) {
    for (const sub of this.subs.values()) {
      if (sub.paused || !this.due(sub)) continue;
      const q = this.queryOf(sub);
      if (sub.channel === 'status') this.put(sub, 'delta', this.all());
      else if (sub.channel === 'events') {
        if (fresh.events.length) this.put(sub, 'delta', { items: fresh.events });
      } else if (!q) continue;
      else if (sub.channel === 'metrics') {
        const s = this.series(q, sub.sentPoint);
        sub.sentPoint = q.metrics.at(-1)?.[0] ?? 0;
        if (Object.values(s.series)[0]?.length) this.put(sub, 'delta', s);
      } else if (sub.channel === 'rows') {
        if (fresh.rows.get(q)?.length) this.put(sub, 'delta', { rows: fresh.rows.get(q), total: q.rows, sampled: 1 });
      } else if (sub.channel === 'commits') {
        if (fresh.commits.get(q)?.length) this.put(sub, 'delta', { items: fresh.commits.get(q) });
      } else if (sub.channel === 'errors')
        this.put(sub, 'delta', { counts: q.errors, samples: fresh.samples.get(q) ?? [] });
      else if (sub.channel === 'partitions') this.put(sub, 'delta', { items: q.partitions });
    }
  }
}

// ---- the server ----

function asset(path) {
  if (path === '/vendor/chart.umd.min.js') return existsSync(CHART) ? readFileSync(CHART) : null;
  const file = normalize(join(TOP, 'web', path === '/' ? 'index.html' : path));
  return file.startsWith(join(TOP, 'web')) && existsSync(file) && extname(file) ? readFileSync(file) : null;
}

// options: as the flags. -> {port, world, close(), sessions}
export async function serve(options = {}) {
  const world = new World(options);
  const table = routes(world);
  const sessions = new Set();
  const server = createServer(async (request, response) => {
    const url = new URL(request.url, 'http://x');
    const send = (status, headers, body) => {
      response.writeHead(status, headers);
      response.end(body);
    };
    if (!url.pathname.startsWith('/api/')) {
      const data = asset(url.pathname);
      return data
        ? send(200, { ...STATIC, 'Content-Type': TYPES[extname(url.pathname)] ?? TYPES['.html'] }, data)
        : send(404, { 'Content-Type': 'text/plain' }, 'not found');
    }
    if (options.delay) await new Promise((resolve) => setTimeout(resolve, options.delay));
    let text = '';
    for await (const chunk of request) text += chunk;
    try {
      for (const r of table) {
        const m = r.pattern.exec(url.pathname);
        if (!m || r.method !== request.method) continue;
        const answer = r.run(m.slice(1).map(decodeURIComponent), text ? JSON.parse(text) : {}, url);
        if (answer.text !== undefined && !answer.value) return send(200, { 'Content-Type': 'text/plain' }, answer.text);
        if (answer.ndjson)
          return send(
            200,
            { 'Content-Type': 'application/x-ndjson' },
            answer.ndjson.map((l) => `${JSON.stringify(l)}\n`).join(''),
          );
        const status = answer.status ?? 200;
        const headers = { 'Content-Type': 'application/json', ...(answer.etag ? { ETag: answer.etag } : {}) };
        return send(
          typeof status === 'number' ? status : 200,
          headers,
          status === 204 ? '' : JSON.stringify(answer.value ?? answer),
        );
      }
      throw new Problem(404, 'not_found', `${request.method} ${url.pathname} is not here`);
    } catch (e) {
      const problem = e instanceof Problem ? e : new Problem(500, 'internal', String(e.stack));
      return send(problem.status, { 'Content-Type': 'application/problem+json' }, JSON.stringify(problem.body));
    }
  });
  server.on('upgrade', (request, socket) => {
    const key = createHash('sha1')
      .update(`${request.headers['sec-websocket-key']}258EAFA5-E914-47DA-95CA-C5AB0DC85B11`)
      .digest('base64');
    socket.write(
      'HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n' +
        `Sec-WebSocket-Accept: ${key}\r\nSec-WebSocket-Protocol: millrace.v1.json\r\n\r\n`,
    );
    const session = new Session(socket, world);
    sessions.add(session);
    socket.on('close', () => sessions.delete(session));
  });
  const hz = options.hz ?? 2;
  let seenEvent = world.nextEvent;
  let last = world.now();
  const timer = setInterval(() => {
    const t = world.now();
    world.step(t, (t - last) / 1000);
    last = t;
    const take = (field) =>
      new Map(
        [...world.queries.values()].map((q) => {
          const v = q[field];
          q[field] = [];
          return [q, v ?? []];
        }),
      );
    const fresh = {
      rows: take('fresh'),
      commits: take('freshCommits'),
      samples: take('freshSamples'),
      events: world.events.filter((e) => e.id >= seenEvent),
    };
    seenEvent = world.nextEvent;
    for (const s of sessions) s.push(fresh);
  }, 1000 / hz);
  await new Promise((resolve) => server.listen(options.port ?? 0, '127.0.0.1', resolve));
  return {
    port: server.address().port,
    world,
    sessions,
    close() {
      clearInterval(timer);
      for (const s of sessions) s.socket.destroy();
      server.closeAllConnections();
      return new Promise((resolve) => server.close(resolve));
    },
  };
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  const flag = (name) => {
    const i = process.argv.indexOf(`--${name}`);
    return i < 0 ? undefined : process.argv[i + 1];
  };
  const number = (name) => (flag(name) === undefined ? undefined : Number(flag(name)));
  const made = await serve({
    port: number('port') ?? 8099,
    empty: process.argv.includes('--empty'),
    skew: number('skew'),
    rowsPerS: number('rows-per-s'),
    hz: number('hz'),
    delay: number('delay'),
    role: flag('role'),
  });
  console.log(`http://127.0.0.1:${made.port}`);
}
