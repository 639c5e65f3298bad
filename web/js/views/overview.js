// SPDX-License-Identifier: MIT
// overview: how it goes, what is slow and why, four charts, queries, producers, what happened. When there is
// nothing yet, first_run leads.

import { LineChart } from '../charts/line.js';
import { makeSpark } from '../charts/spark.js';
import { h, icon, keyed, put, setAttr, setClass, setText } from '../dom.js';
import { ago, clock, int, percent, si, span, spanShort } from '../format.js';
import { card, listen } from '../parts/bits.js';
import { producerTable, queryTable } from '../parts/lists.js';
import { LEVEL_ICON } from '../parts/state.js';
import { Ring, timeSpan } from '../ring.js';

const MOST_SERIES = 6;
const FIRST_FINDINGS = 4;
const KEEP = 1000;

const TILES = [
  ['in', 'Records in', 'records read from Kafka per second, all queries'],
  ['out', 'Rows out', 'rows committed per second, all queries'],
  ['lag', 'Lag', 'records in Kafka that are not committed yet'],
  ['event', 'Event-time lag', 'server time minus the watermark, the worst query'],
  ['latency', 'Latency p99', 'event on the broker to row committed, last minute, the worst query'],
  ['commit', 'Last commit', 'of any query, and the oldest of the running ones'],
];

function makeTile([key, label, hint]) {
  const value = h('b', {}, '–');
  const unit = h('small', {});
  const sub = h('span', { class: 'tile-sub' });
  const spark = makeSpark();
  return {
    key,
    element: h(
      'div',
      { class: 'tile', title: hint },
      h('span', { class: 'tile-label' }, label),
      h('span', { class: 'tile-value' }, value, unit),
      sub,
      spark.element,
    ),
    value,
    unit,
    sub,
    spark,
  };
}

function worst(queries, of) {
  let found = null;
  for (const q of queries) {
    const v = of(q);
    if (v !== null && v !== undefined && (found === null || v > found.value)) found = { name: q.name, value: v };
  }
  return found;
}

export function tileValues(queries, now) {
  const running = queries.filter((q) => q.state === 'running');
  const sum = (of) => running.reduce((total, q) => total + (of(q) ?? 0), 0);
  const lag = worst(queries, (q) => q.lag);
  const event = worst(running, (q) => q.watermark_lag_ms);
  const latency = worst(running, (q) => q.latency_ms?.p99);
  const newest = worst(running, (q) => (q.last_commit_at ? Date.parse(q.last_commit_at) : null));
  const oldest = worst(running, (q) => q.commit_age_ms);
  return {
    in: {
      value: si(sum((q) => q.records_per_s)),
      unit: '/s',
      sub: `${int(queries.reduce((n, q) => n + (q.records ?? 0), 0))} since the start`,
    },
    out: {
      value: si(sum((q) => q.out_per_s)),
      unit: '/s',
      sub: `${int(queries.reduce((n, q) => n + (q.rows ?? 0), 0))} since the start`,
    },
    lag: {
      value: si(queries.reduce((n, q) => n + (q.lag ?? 0), 0)),
      unit: '',
      sub: lag && queries.length > 1 ? `most: ${lag.name}` : 'records',
    },
    event: { value: event ? span(event.value) : '–', unit: '', sub: event ? event.name : 'no watermark yet' },
    latency: { value: latency ? span(latency.value) : '–', unit: '', sub: latency ? latency.name : 'no rows yet' },
    commit: {
      value: newest ? ago(newest.value, now) : '–',
      unit: '',
      sub: oldest ? `oldest: ${span(oldest.value)}` : 'nothing committed yet',
    },
  };
}

function findingRow() {
  const picture = h('span', { class: 'finding-icon' });
  const subject = h('b', {});
  const text = h('span', {});
  const why = h('span', { class: 'finding-why' });
  const go = h('a', { class: 'finding-go' });
  const row = h('li', { class: 'finding' }, picture, h('div', {}, h('p', {}, subject, ' ', text), why), go);
  row.set_ = (f) => {
    setClass(picture, `finding-icon tone-${f.level}`);
    if (picture.dataset.icon !== f.level) {
      picture.dataset.icon = f.level;
      put(
        picture,
        icon(LEVEL_ICON[f.level]),
        h('span', { class: 'off-screen' }, { bad: 'Severe: ', warn: 'Warning: ', info: 'Note: ' }[f.level]),
      );
    }
    setText(subject, f.subject);
    setText(text, f.text);
    setText(why, f.why);
    const [href, label] =
      f.kind === 'query'
        ? [
            `#/queries/${f.subject}?tab=${f.tab ?? 'health'}`,
            { commits: 'Commits', errors: 'Errors' }[f.tab] ?? 'Health',
          ]
        : f.kind === 'producer'
          ? ['#/producers', 'Producers']
          : ['#/system', 'System'];
    setAttr(go, 'href', href);
    setAttr(go, 'aria-label', `${label} of ${f.subject}`);
    setText(go, label);
  };
  return row;
}

class Overview {
  constructor(element, store) {
    this.store = store;
    this.host = element;
    this.series = new Map(); // query -> {ring, sub}
    this.tiles = TILES.map(makeTile);
    this.findings = h('ul', { class: 'findings' });
    this.calm = h('p', { class: 'calm' });
    this.more = h('button', { class: 'link small', hidden: true, onclick: () => this.showAll() });
    this.zone = () => store.prefs.zone;
    this.makeCharts();
    this.queries = queryTable(store);
    this.producers = producerTable(store, { brief: true });
    this.events = h('ul', { class: 'event-list' });
    this.noEvents = h('p', { class: 'muted pad' }, 'Nothing has happened since the start.');
    this.page = h(
      'div',
      { class: 'page' },
      h('h1', { class: 'off-screen' }, 'Overview'),
      h(
        'section',
        { class: 'card tiles', 'aria-label': 'Key figures' },
        this.tiles.map((t) => t.element),
      ),
      h(
        'section',
        { class: 'card', 'aria-labelledby': 'slow' },
        h('header', {}, h('h2', { id: 'slow' }, 'What is slow and why'), h('span', { class: 'grow' }), this.more),
        this.calm,
        this.findings,
      ),
      h(
        'div',
        { class: 'grid-2' },
        this.charts.map((c) => c.element),
      ),
      card('Queries', this.queries.element),
      h(
        'div',
        { class: 'grid-2 unequal' },
        card('Producers', this.producers.element),
        card(
          h(
            'div',
            { class: 'row' },
            h('h2', {}, 'Recent events'),
            h('a', { class: 'link small', href: '#/events' }, 'All'),
          ),
          this.events,
          this.noEvents,
        ),
      ),
    );
    this.stop = listen(store, {
      status: () => this.status(),
      events: () => this.showEvents(),
      prefs: () => this.redraw(),
      pause: () => this.redraw(),
      connection: () => this.status(),
    });
    this.status();
    this.showEvents();
  }

  makeCharts() {
    const { zone } = this;
    this.flow = new LineChart({
      title: 'Records in, rows out',
      hint: 'per second, all queries; a gap between lines is what filters and windows take away',
      format: (y) => `${si(y)}/s`,
      tick: si,
      zone,
      series: [
        { key: 'in', label: 'records in', fill: true },
        { key: 'out', label: 'rows out', color: 1 },
      ],
    });
    this.event = new LineChart({
      title: 'Event-time lag',
      hint: 'server time minus the watermark, per query',
      format: span,
      tick: spanShort,
      zone,
      series: [],
    });
    this.latency = new LineChart({
      title: 'Latency, event to row',
      hint: 'event on the broker to row committed, the worst query; p50 and p99',
      format: span,
      tick: spanShort,
      zone,
      series: [
        { key: 'p99', label: 'p99', color: 3 },
        { key: 'p50', label: 'p50', color: 0, dash: true },
      ],
    });
    this.lag = new LineChart({
      title: 'Lag',
      hint: 'records in Kafka that are not committed yet, per query',
      format: si,
      zone,
      least: 10,
      series: [],
    });
    this.charts = [this.flow, this.event, this.latency, this.lag];
  }

  // One metrics subscription per query; a query that has gone takes its series along.
  follow(names) {
    for (const name of names) {
      if (this.series.has(name)) continue;
      const ring = new Ring(KEEP);
      const sub = this.store.socket.subscribe({
        channel: 'metrics',
        params: { query: name },
        maxHz: 2,
        onData: (type, data) => {
          if (type === 'snap') ring.clear();
          ring.append(data);
          if (data.step_ms) this.step = data.step_ms;
          this.redraw();
        },
      });
      this.series.set(name, { ring, sub });
    }
    for (const [name, s] of this.series) {
      if (names.includes(name)) continue;
      s.sub.close();
      this.series.delete(name);
    }
  }

  status() {
    const { store } = this;
    const empty = store.known && !store.queries.length && !store.producers.length;
    // Once led, a newcomer stays with the steps until the query is there.
    if (empty || (this.first && !store.queries.length)) {
      this.lead();
      return;
    }
    this.first = null;
    if (this.page.parentNode !== this.host) put(this.host, this.page);
    const now = store.now();
    const values = tileValues(store.queries, now);
    for (const t of this.tiles) {
      const v = values[t.key];
      setText(t.value, store.known ? v.value : '–');
      setText(t.unit, v.unit);
      setText(t.sub, store.known ? v.sub : '');
    }
    this.showFindings();
    this.queries.set(store.queries);
    this.producers.set(store.producers);
    const most = [...store.queries]
      .sort((a, b) => (b.records_per_s ?? 0) - (a.records_per_s ?? 0))
      .slice(0, 8)
      .map((q) => q.name);
    // Kept while it is among the queries, so that a change of rank does not subscribe anew.
    const kept = [...this.series.keys()].filter((name) => store.query(name));
    this.follow([...new Set([...kept, ...most])].slice(0, 8));
  }

  async lead() {
    if (this.first) return;
    this.first = h('div', {});
    const { firstRun } = await import('../parts/first_run.js');
    if (!this.first) return;
    put(this.first, firstRun(this.store));
    put(this.host, this.first);
  }

  showAll() {
    this.all = !this.all;
    this.showFindings();
  }

  showFindings() {
    const { findings, known, queries } = this.store;
    const running = queries.filter((q) => q.state === 'running');
    this.calm.hidden = findings.length > 0;
    const busy = worst(running, (q) => (q.busy ? 1 - q.busy.idle : null));
    setText(
      this.calm,
      !known
        ? 'Waiting for the first status.'
        : !running.length
          ? 'No query runs.'
          : `Nothing. ${running.length === 1 ? 'The query keeps' : `All ${running.length} queries keep`} up` +
            `${busy ? `; the busiest, ${busy.name}, works ${percent(busy.value, 0)} of the time.` : '.'}`,
    );
    this.more.hidden = findings.length <= FIRST_FINDINGS;
    setText(this.more, this.all ? 'Show fewer' : `Show all ${findings.length}`);
    keyed(
      this.findings,
      this.all ? findings : findings.slice(0, FIRST_FINDINGS),
      (f) => `${f.subject} ${f.score | 0} ${f.tab}`,
      findingRow,
      (row, f) => row.set_(f),
    );
  }

  redraw() {
    if (this.store.paused || this.page.parentNode !== this.host) return;
    const rings = [...this.series].filter(([, s]) => s.ring.size);
    const shown = timeSpan(
      rings.map(([, s]) => s.ring),
      this.store.prefs.range * 1000,
    );
    if (!shown) return;
    const { from, to } = shown;
    const gap = 3 * (this.step ?? 1000);
    const all = (name) => rings.map(([, s]) => s.ring.points(name, from, gap));
    const flow = {
      in: combine(all('records_per_s'), (a, b) => a + b),
      out: combine(all('rows_per_s'), (a, b) => a + b),
    };
    this.flow.set(flow, from, to);
    const names = rings.map(([name]) => name).slice(0, MOST_SERIES);
    const each = (name) => Object.fromEntries(names.map((n) => [n, this.series.get(n).ring.points(name, from, gap)]));
    const event = each('watermark_lag_ms');
    const timed = names.filter((n) => event[n].some((p) => p.y !== null));
    this.event.setSeries(timed.map((n) => ({ key: n, label: n, color: names.indexOf(n) })));
    this.event.set(event, from, to, timed.length ? '' : 'No query has a watermark.');
    const lag = each('lag');
    this.lag.setSeries(names.map((n, i) => ({ key: n, label: n, color: i })));
    this.lag.set(lag, from, to);
    const most = (a, b) => Math.max(a, b);
    const latency = { p50: combine(all('latency_p50_ms'), most), p99: combine(all('latency_p99_ms'), most) };
    this.latency.set(latency, from, to);
    this.sparks(
      {
        in: flow.in,
        out: flow.out,
        lag: combine(Object.values(lag), (a, b) => a + b),
        event: combine(Object.values(event), most),
        latency: latency.p99,
        commit: combine(all('commit_ms'), most),
      },
      from,
      to,
    );
  }

  sparks(lines, from, to) {
    for (const t of this.tiles) t.spark.set(lines[t.key] ?? [], Math.max(from, to - 120000), to);
  }

  showEvents() {
    const items = this.store.events.slice(0, 8);
    this.noEvents.hidden = items.length > 0;
    keyed(
      this.events,
      items,
      (e) => e.id,
      () => {
        const t = h('time', {});
        const what = h('b', {});
        const text = h('span', {});
        const dot = h('i', { class: 'dot' });
        const li = h('li', {}, t, dot, h('span', {}, what, ' ', text));
        li.set_ = (e) => {
          setText(t, clock(e.t, this.store.prefs.zone));
          setAttr(t, 'datetime', e.t);
          setText(what, e.subject);
          setText(text, e.text);
          setClass(li, `tone-${e.level}`);
        };
        return li;
      },
      (li, e) => li.set_(e),
    );
  }

  unmount() {
    this.stop();
    for (const s of this.series.values()) s.sub.close();
    for (const c of this.charts) c.destroy();
  }
}

// Several series into one, at the times they have: null only where none has a value.
export function combine(lists, join) {
  if (lists.length === 1) return lists[0];
  const byTime = new Map();
  for (const points of lists) {
    for (const p of points) {
      const had = byTime.get(p.x);
      if (had === undefined || had === null) byTime.set(p.x, p.y);
      else if (p.y !== null) byTime.set(p.x, join(had, p.y));
    }
  }
  return [...byTime].sort((a, b) => a[0] - b[0]).map(([x, y]) => ({ x, y }));
}

export function mount(element, store) {
  const view = new Overview(element, store);
  return { unmount: () => view.unmount() };
}
