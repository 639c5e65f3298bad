// SPDX-License-Identifier: MIT
// socket: one WebSocket for the page, millrace.v1.json of docs/rest.md. Subscriptions outlive the connection: after a
// break they are made again and begin with a snapshot. Backs off from 0.5 s to 15 s with full jitter.
//
// Events: "state" when the connection changes, "frame" for each frame that carries the server's time.

const FIRST_MS = 500;
const LAST_MS = 15000;

export function backoff(attempt, random = Math.random) {
  const ceiling = Math.min(LAST_MS, FIRST_MS * 2 ** attempt);
  return Math.max(100, Math.round(ceiling * random()));
}

export class Socket extends EventTarget {
  // connect(url, protocol) makes a WebSocket; tests hand in their own.
  constructor(url, connect = (u, p) => new WebSocket(u, p)) {
    super();
    this.url = url;
    this.connect = connect;
    this.subs = new Map();
    this.nextId = 1;
    this.attempt = 0;
    this.paused = false;
    this.state = 'connecting'; // connecting, open, down
    this.since = performance.now();
    this.retryAt = null;
    this.rtt = null;
    this.build = null;
    this.role = null;
    this.signedInAs = null; // name of a token, when there is a session to end
    this.heartbeat = 15000;
  }

  open() {
    clearTimeout(this.retryTimer);
    this.retryAt = null;
    if (this.state !== 'down') this.change('connecting');
    const ws = this.connect(this.url, 'millrace.v1.json');
    this.ws = ws;
    ws.onopen = () => {
      this.heard = performance.now();
      this.sendNow({ type: 'hello', client: 'dashboard' });
    };
    ws.onmessage = (event) => this.receive(event.data);
    ws.onclose = (event) => this.closed(ws, event);
    ws.onerror = () => {};
  }

  change(state) {
    if (state !== this.state) {
      this.state = state;
      this.since = performance.now();
    }
    this.dispatchEvent(new Event('state'));
  }

  closed(ws, event) {
    if (ws !== this.ws) return;
    this.ws = null;
    clearInterval(this.pingTimer);
    const wait = this.byeRetry ?? backoff(this.attempt);
    this.byeRetry = null;
    this.attempt += 1;
    this.reason = event.reason || '';
    this.retryAt = performance.now() + wait;
    this.retryTimer = setTimeout(() => this.open(), wait);
    this.change('down');
  }

  retryNow() {
    if (!this.ws) this.open();
  }

  // Ends for good.
  close() {
    clearTimeout(this.retryTimer);
    clearInterval(this.pingTimer);
    const ws = this.ws;
    this.ws = null;
    ws?.close(1000);
  }

  sendNow(message) {
    if (this.ws?.readyState === 1) this.ws.send(JSON.stringify(message));
  }

  receive(text) {
    let m;
    try {
      m = JSON.parse(text);
    } catch {
      return;
    }
    this.heard = performance.now();
    const time = m.server_time ?? m.t;
    if (time !== undefined) this.dispatchEvent(new CustomEvent('frame', { detail: { t: Date.parse(time) } }));
    if (m.type === 'snap' || m.type === 'delta') this.deliver(m);
    else if (m.type === 'welcome') this.welcome(m);
    else if (m.type === 'hb') this.pong();
    else if (m.type === 'state') this.subs.get(m.id)?.onState?.(m);
    else if (m.type === 'err') this.subs.get(m.id)?.onError?.(m.problem ?? {});
    else if (m.type === 'bye') this.byeRetry = m.retry_ms;
  }

  welcome(m) {
    this.attempt = 0;
    this.build = m.build;
    this.role = m.role;
    this.signedInAs = m.signed_in_as ?? null;
    this.heartbeat = m.heartbeat_ms ?? this.heartbeat;
    this.change('open');
    for (const sub of this.subs.values()) this.request(sub);
    this.pingTimer = setInterval(() => this.watch(), 5000);
    this.watch();
  }

  // A connection that says nothing for two and a half heartbeats is dead, whatever TCP thinks.
  watch() {
    if (performance.now() - this.heard > 2.5 * this.heartbeat) {
      this.ws?.close(4000, 'silent');
      return;
    }
    this.pingAt = performance.now();
    this.sendNow({ type: 'ping', t: new Date().toISOString() });
  }

  pong() {
    if (this.pingAt === null || this.pingAt === undefined) return;
    this.rtt = performance.now() - this.pingAt;
    this.pingAt = null;
    this.dispatchEvent(new Event('state'));
  }

  request(sub) {
    const message = { type: 'sub', id: sub.id, channel: sub.channel, params: sub.params };
    if (sub.maxHz) message.max_hz = sub.maxHz;
    if (sub.maxRows) message.max_rows = sub.maxRows;
    this.sendNow(message);
    if (this.paused) this.sendNow({ type: 'set', id: sub.id, paused: true });
  }

  deliver(m) {
    const sub = this.subs.get(m.id);
    if (!sub) return;
    // A paused page keeps its picture; the first picture of a subscription is always taken.
    if (this.paused && sub.seen && m.type === 'delta') return;
    sub.seen = true;
    sub.onData(m.type, m.data, m);
  }

  // The same name in every browser, so that the server encodes a frame once for all of them.
  idFor({ channel, params }) {
    const name = [channel, ...Object.values(params)].join(':');
    if (name.length <= 60 && !this.subs.has(name)) return name;
    this.nextId += 1;
    return `s${this.nextId}`;
  }

  // subscribe({channel, params, maxHz, maxRows, onData(type, data, frame), onState, onError}) -> end it with .close().
  subscribe(options) {
    const sub = { params: {}, ...options, seen: false };
    sub.id = this.idFor(sub);
    this.subs.set(sub.id, sub);
    if (this.state === 'open') this.request(sub);
    sub.close = () => {
      if (this.subs.delete(sub.id)) this.sendNow({ type: 'unsub', id: sub.id });
    };
    sub.set = (fields) => this.sendNow({ type: 'set', id: sub.id, ...fields });
    return sub;
  }

  // Pauses everything but what is in keep (channels).
  pause(on) {
    this.paused = on;
    for (const sub of this.subs.values()) this.sendNow({ type: 'set', id: sub.id, paused: on });
  }
}
