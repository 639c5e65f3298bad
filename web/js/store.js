// SPDX-License-Identifier: MIT
// store: what the page knows, and the only place where it changes. Views read it and listen; actions go through it.
//
// Events: "status" (queries, producers, info), "connection", "prefs", "pause", "events", "toast" (detail: message).

import * as api from './api.js';
import { Ring } from './ring.js';
import { health, rank } from './slow.js';
import { Socket } from './socket.js';

const PREFS = { theme: 'auto', range: 300, zone: 'local', keys: true };
const STALE_MS = 2000;
const OUT_MS = 20000;

function readPrefs() {
  try {
    return { ...PREFS, ...JSON.parse(localStorage.getItem('millrace') ?? '{}') };
  } catch {
    return { ...PREFS };
  }
}

export class Store extends EventTarget {
  constructor(socket) {
    super();
    this.socket = socket;
    this.info = null;
    this.queries = [];
    this.producers = [];
    this.events = [];
    this.findings = [];
    this.health = { level: 'wait', text: 'Connecting', why: '' };
    this.prefs = readPrefs();
    this.paused = false;
    this.known = false; // whether a status has ever come
    this.stale = false;
    this.firstBuild = null;
    this.newBuild = false;
    this.skewMs = 0;
    this.serverT = null;
    this.serverAt = 0;
    this.lags = new Map(); // name -> Ring of lag, to tell who catches up
    this.rates = new Map(); // producer -> Ring of target and actual rate
    socket.addEventListener('frame', (event) => this.heardTime(event.detail.t));
    socket.addEventListener('state', () => this.connectionChanged());
    setInterval(() => this.checkStale(), 500);
    socket.subscribe({ channel: 'status', maxHz: 2, onData: (type, data) => this.gotStatus(data) });
    socket.subscribe({ channel: 'events', onData: (type, data) => this.gotEvents(type, data) });
  }

  emit(type, detail) {
    this.dispatchEvent(new CustomEvent(type, { detail }));
  }

  // The server's time now: the newest frame's, moved on by our own monotonic clock. Never the wall clock.
  now() {
    return this.serverT === null ? Date.now() : this.serverT + (performance.now() - this.serverAt);
  }

  heardTime(t) {
    if (!Number.isFinite(t)) return;
    this.serverT = t;
    this.serverAt = performance.now();
    const skew = t - Date.now();
    if (Math.abs(skew) <= 2000) this.skewMs = 0;
    else if (Math.abs(skew - this.skewMs) > 1000) this.skewMs = skew;
  }

  connectionChanged() {
    const { socket } = this;
    if (socket.build) {
      this.firstBuild ??= socket.build;
      this.newBuild = socket.build !== this.firstBuild;
    }
    this.checkStale();
    this.judge();
    this.emit('connection');
  }

  checkStale() {
    const stale = this.socket.state !== 'open' && performance.now() - this.socket.since > (this.known ? STALE_MS : 0);
    if (stale !== this.stale) {
      this.stale = stale;
      this.judge();
      this.emit('connection');
    } else if (stale) {
      this.emit('connection'); // the countdown moves
    }
  }

  gotStatus(data) {
    if (data.info) this.info = data.info;
    if (data.queries) this.queries = data.queries;
    if (data.producers) this.producers = data.producers;
    this.known = true;
    this.remember();
    this.judge();
    this.emit('status');
  }

  remember() {
    const t = Math.round(this.now() / 500) * 500;
    const keep = (rings, list, capacity, values) => {
      for (const x of list) {
        if (!rings.has(x.name)) rings.set(x.name, new Ring(capacity));
        rings.get(x.name).push(t, values(x));
      }
      for (const name of rings.keys()) if (!list.some((x) => x.name === name)) rings.delete(name);
    };
    keep(this.lags, this.queries, 120, (q) => ({ lag: q.lag, rows: q.rows }));
    for (const q of this.queries) q.out_per_s = this.outRate(q);
    keep(this.rates, this.producers, 1800, (p) => ({ actual: p.actual_rate, target: p.rate || null }));
  }

  // Rows come when windows close: what a query puts out is an average of the last seconds, or it would read 0 mostly.
  outRate(q) {
    const points = this.lags.get(q.name).points('rows', this.now() - OUT_MS);
    const first = points[0];
    const last = points.at(-1);
    if (q.state !== 'running' || points.length < 4 || last.y < first.y) return q.rows_per_s;
    return ((last.y - first.y) * 1000) / (last.x - first.x);
  }

  before() {
    const now = this.now();
    const out = new Map();
    for (const [name, ring] of this.lags) {
      const first = ring.points('lag', now - 30000)[0];
      if (first && now - first.x > 8000 && first.y !== null)
        out.set(name, { lag: first.y, ago_s: (now - first.x) / 1000 });
    }
    return out;
  }

  judge() {
    this.findings = rank({
      queries: this.queries,
      producers: this.producers,
      info: this.info,
      now: this.now(),
      before: this.before(),
    });
    const connected = this.socket.state === 'open' || !this.stale;
    this.health =
      this.known || this.stale
        ? health({ connected, queries: this.queries, info: this.info, findings: this.findings })
        : { level: 'wait', text: 'Connecting', why: '' };
  }

  gotEvents(type, data) {
    const items = data.items ?? [];
    const known = new Set(type === 'snap' ? [] : this.events.map((e) => e.id));
    const fresh = items.filter((e) => !known.has(e.id));
    const all = type === 'snap' ? items : [...fresh, ...this.events];
    this.events = all.sort((a, b) => (a.t < b.t ? 1 : a.t > b.t ? -1 : 0)).slice(0, 500);
    this.emit('events');
    if (type !== 'snap') {
      const said = fresh.find((e) => e.level !== 'info');
      if (said) this.announce(`${said.subject}: ${said.text}`);
    }
  }

  setPref(name, value) {
    this.prefs = { ...this.prefs, [name]: value };
    try {
      localStorage.setItem('millrace', JSON.stringify(this.prefs));
    } catch {
      // A private window may refuse: the choice then holds until the page is left.
    }
    this.emit('prefs');
  }

  setPaused(on) {
    this.paused = on;
    this.socket.pause(on);
    this.emit('pause');
  }

  query(name) {
    return this.queries.find((q) => q.name === name) ?? null;
  }

  producer(name) {
    return this.producers.find((p) => p.name === name) ?? null;
  }

  get viewer() {
    return this.info?.role === 'viewer';
  }

  toast(message, level = 'ok') {
    this.emit('toast', { message, level });
  }

  // For assistive technology: changes of state only, at most one in 5 s.
  announce(message) {
    const now = performance.now();
    if (this.saidAt && now - this.saidAt < 5000) return;
    this.saidAt = now;
    this.emit('announce', { message });
  }

  // Runs an action and says how it ended; false when it failed.
  async act(what, run) {
    try {
      const value = await run();
      this.toast(what);
      return value ?? true;
    } catch (problem) {
      this.toast(problem.said, 'bad');
      return false;
    }
  }

  queryAction(name, action, body) {
    const said = { start: 'starts', stop: 'stops: it commits what it has read', restart: 'restarts' }[action];
    return this.act(`${name} ${said}`, () => api.post(`/queries/${api.seg(name)}/${action}`, body));
  }

  producerAction(name, action) {
    return this.act(`${name} ${action === 'start' ? 'starts' : 'stops'}`, () =>
      api.post(`/producers/${api.seg(name)}/${action}`),
    );
  }
}

export function makeStore() {
  const url = `${location.protocol === 'https:' ? 'wss' : 'ws'}://${location.host}/api/v1/ws`;
  const socket = new Socket(url);
  const store = new Store(socket);
  socket.open();
  return store;
}
