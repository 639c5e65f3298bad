// SPDX-License-Identifier: MIT
// health: lag, watermark, latency, busy shares and state of a query; why nothing comes out; the ledger with its two
// equations.

import { LineChart } from '../../charts/line.js';
import { h, icon, keyed, put, setAttr, setClass, setText, setVar } from '../../dom.js';
import { ago, bytes, int, percent, si, span, spanShort, stamp } from '../../format.js';
import { Expectations, checkRow } from '../../parts/checks.js';
import { card, facts, listen, shareBar } from '../../parts/bits.js';
import { Ring, timeSpan } from '../../ring.js';
import { holderOf } from '../../slow.js';

const BUSY = [
  { key: 'decode', label: 'decode', color: '--s1', hint: 'bytes to columns' },
  { key: 'compute', label: 'compute', color: '--s3', hint: 'filters, joins, windows' },
  { key: 'write', label: 'write', color: '--s2', hint: 'Parquet and commits' },
  { key: 'idle', label: 'idle', color: '--rest', hint: 'waiting for records' },
];

// One equation of the ledger: the left sum as a bar over the right sum as a bar, same scale.
const RECORDS = {
  title: 'Records',
  left: [['read', 'read', '--s1']],
  right: [
    ['passed', 'passed', '--s3'],
    ['filtered', 'filtered', '--s6'],
    ['no_partner', 'no partner', '--s4'],
    ['no_event_time', 'no event time', '--s8'],
    ['future', 'ahead of the clock', '--s7'],
    ['rejected', 'rejected', '--s5'],
  ],
};
const EFFECTS = {
  title: 'Effects',
  left: [
    ['passed', 'passed', '--s3'],
    ['fan_out', 'fan-out', '--s7'],
  ],
  right: [
    ['closed', 'in closed windows', '--s1'],
    ['open', 'in open windows', '--s6'],
    ['late', 'late', '--s5'],
  ],
};

const sumOf = (terms, values) => terms.reduce((n, [key]) => n + (values[key] ?? 0), 0);

function equation({ title, left, right }) {
  const side = (terms) => {
    const nodes = terms.map(([key, label, color]) => {
      const value = h('b', {});
      const bar = h('i', { vars: { '--c': `var(${color})` } });
      const term = h('li', { vars: { '--c': `var(${color})` } }, h('i', { class: 'dot' }), h('span', {}, label), value);
      return { key, value, bar, term };
    });
    return {
      nodes,
      bar: h(
        'div',
        { class: 'share-bar' },
        nodes.map((n) => n.bar),
      ),
      terms: h(
        'ul',
        { class: 'share-legend' },
        nodes.map((n) => n.term),
      ),
    };
  };
  const l = side(left);
  const r = side(right);
  const verdict = h('span', { class: 'verdict' });
  return {
    element: h(
      'div',
      { class: 'equation' },
      h('div', { class: 'row' }, h('h3', {}, title), verdict),
      l.bar,
      l.terms,
      h('div', { class: 'equals', 'aria-label': 'equals' }, '='),
      r.bar,
      r.terms,
    ),
    set(values) {
      const a = sumOf(left, values);
      const b = sumOf(right, values);
      const whole = Math.max(a, b, 1);
      for (const n of [...l.nodes, ...r.nodes]) {
        setText(n.value, int(values[n.key] ?? 0));
        setVar(n.bar, '--w', String((values[n.key] ?? 0) / whole));
        setAttr(n.term, 'class', values[n.key] ? null : 'nil');
      }
      const even = a === b;
      setClass(verdict, `verdict tone-${even ? 'ok' : 'bad'}`);
      const text = even ? 'balances' : `differs by ${int(a - b)}`;
      if (verdict.dataset.text !== text) {
        verdict.dataset.text = text;
        put(verdict, icon(even ? 'ok' : 'bad'), text);
      }
    },
  };
}

// Where the watermark stands between the past and now: one line of event time.
function timeLine() {
  const marks = {};
  const mark = (key, label, hint) => {
    const text = h('b', {});
    const node = h('span', { class: `tl-mark tl-${key}`, title: hint }, h('i', {}), h('span', {}, label, text));
    marks[key] = { node, text };
    return node;
  };
  const element = h(
    'div',
    { class: 'time-line', role: 'img' },
    h('div', { class: 'tl-bar' }, h('i', { class: 'tl-delay' })),
    mark('watermark', 'watermark ', 'events before it are late'),
    mark('max', 'newest event ', 'the greatest event time seen'),
    mark('window', 'next window ends ', 'it closes when the watermark passes it'),
    mark('now', 'now ', 'time of the server'),
  );
  return {
    element,
    set(q, now, zone) {
      const times = { watermark: q.watermark, max: q.max_event_time, window: q.next_window_end, now };
      const ms = Object.fromEntries(
        Object.entries(times).map(([k, t]) => [
          k,
          t === null || t === undefined ? null : typeof t === 'number' ? t : Date.parse(t),
        ]),
      );
      element.hidden = ms.watermark === null || ms.max === null;
      if (element.hidden) return;
      const known = Object.values(ms).filter((t) => t !== null);
      const low = Math.min(...known);
      const high = Math.max(...known);
      const at = (t) => String((t - low) / Math.max(1, high - low));
      for (const [k, m] of Object.entries(marks)) {
        m.node.hidden = ms[k] === null;
        if (ms[k] === null) continue;
        setVar(m.node, '--x', at(ms[k]));
        setText(m.text, stamp(ms[k], zone).slice(11));
      }
      setVar(element, '--from', at(ms.watermark));
      setVar(element, '--to', at(ms.max));
      setAttr(
        element,
        'aria-label',
        `Watermark ${stamp(ms.watermark, zone)}, ${span(ms.now - ms.watermark)} behind now; ` +
          `newest event ${stamp(ms.max, zone)}`,
      );
    },
  };
}

function due(which, { next_trigger_in_ms: ms }) {
  if (ms === null || ms === undefined) return '';
  return ms > 0 ? `${which} is due in ${span(ms)}` : `${which} is under way`;
}

// The answer to "why is nothing coming out": checks from the broker to the table, each passed or named.
export function whyChecks(q, now) {
  const out = [];
  const add = (ok, text, detail = '') => out.push({ ok, text, detail });
  add(
    q.state === 'running',
    q.state === 'running' ? 'The query runs' : `The query is ${q.state}`,
    q.error?.text ?? q.reason ?? '',
  );
  const up = q.brokers?.connected !== false;
  add(up, up ? 'The broker answers' : 'The broker does not answer', up ? '' : q.brokers.error);
  add(
    q.records_per_s > 0 || q.lag > 0,
    q.records_per_s > 0
      ? `Records come in, ${si(q.records_per_s)}/s`
      : q.lag > 0
        ? 'Records wait in the topic'
        : 'No records come in',
    q.records_per_s > 0 || q.lag > 0 ? '' : 'Nothing new is in the topics. Start a producer, or look at the sources.',
  );
  const r = q.ledger?.records;
  if (r && r.read > 0) {
    const through = r.passed / r.read;
    add(
      through > 0,
      `${percent(through)} of the records pass`,
      through > 0
        ? ''
        : r.filtered >= r.no_partner && r.filtered >= r.rejected
          ? 'WHERE drops all of them.'
          : r.rejected > r.no_partner
            ? 'All are rejected as malformed: compare the schema with a sample of the topic.'
            : 'The join finds no partner for any of them.',
    );
  }
  if (q.watermark !== null && q.watermark !== undefined) {
    const held = q.watermark_lag_ms > 120000;
    add(
      !held,
      `The watermark is ${span(q.watermark_lag_ms)} behind now`,
      q.watermark_holder ? `Set by the newest event, of ${holderOf(q)}` : '',
    );
    if (q.next_window_end) {
      const left = Date.parse(q.next_window_end) - Date.parse(q.watermark);
      add(
        true,
        left > 0
          ? `The next window closes when the watermark has moved by ${span(left)}`
          : 'A window closes with the next commit',
        `${int(q.open_windows)} open, ${int(q.rows_waiting)} rows wait in them`,
      );
    }
  }
  if (q.last_commit_at) {
    const fresh = q.commit_age_ms < 3 * (q.trigger_ms ?? 1000) + 5000;
    add(fresh || q.records_per_s === 0, `The last commit was ${ago(q.last_commit_at, now)}`, due('The next', q));
  } else {
    add(true, 'Nothing is committed yet', due('The first', q));
  }
  return out;
}

class Health {
  constructor(element, store, name) {
    this.store = store;
    const zone = () => store.prefs.zone;
    this.ring = new Ring(1000);
    this.flow = new LineChart({
      title: 'Records in, rows out',
      format: (y) => `${si(y)}/s`,
      tick: si,
      zone,
      series: [
        { key: 'records_per_s', label: 'records in', fill: true },
        { key: 'rows_per_s', label: 'rows out' },
      ],
    });
    this.lag = new LineChart({
      title: 'Lag',
      hint: 'records not committed yet',
      format: si,
      zone,
      least: 10,
      series: [{ key: 'lag', label: 'records', fill: true, color: 3 }],
    });
    this.event = new LineChart({
      title: 'Event-time lag',
      hint: 'server time minus watermark',
      format: span,
      tick: spanShort,
      zone,
      series: [{ key: 'watermark_lag_ms', label: 'watermark behind now', color: 2 }],
    });
    this.latency = new LineChart({
      title: 'Latency, event to row',
      format: span,
      tick: spanShort,
      zone,
      series: [
        { key: 'latency_p99_ms', label: 'p99', color: 3 },
        { key: 'latency_p50_ms', label: 'p50', dash: true, color: 0 },
      ],
    });
    this.bad = new LineChart({
      title: 'Late and rejected',
      format: (y) => `${si(y)}/s`,
      tick: si,
      zone,
      least: 1,
      series: [
        { key: 'late_per_s', label: 'late', color: 1 },
        { key: 'rejected_per_s', label: 'rejected', color: 4 },
      ],
    });
    this.state = new LineChart({
      title: 'State',
      hint: 'memory of open windows',
      format: bytes,
      tick: bytes,
      zone,
      least: 1024,
      series: [{ key: 'state_bytes', label: 'open windows', color: 5, fill: true }],
    });
    this.charts = [this.flow, this.lag, this.event, this.latency, this.bad, this.state];
    this.busy = shareBar('Time of the lane', BUSY, { format: (x) => percent(x, 0), share: false });
    this.checks = h('ol', { class: 'checks' });
    this.whyTitle = h('h2', {}, 'Why is nothing coming out?');
    this.sentence = h('p', { class: 'sentence', hidden: true });
    this.line = timeLine();
    this.facts = facts([
      ['Latency p50', 'p50'],
      ['p95', 'p95'],
      ['p99', 'p99'],
      ['Commit p50', 'c50'],
      ['Commit p99', 'c99'],
      ['Trigger', 'trigger'],
      ['Open windows', 'open'],
      ['Rows waiting', 'waiting', 'in open windows'],
      ['State', 'state'],
      ['Restarts', 'restarts'],
      ['Epoch', 'epoch'],
      ['In this state since', 'since'],
    ]);
    this.records = equation(RECORDS);
    this.effects = equation(EFFECTS);
    this.below = h('p', { class: 'muted small' });
    this.noLedger = h('p', { class: 'muted pad' }, 'The ledger begins with the first commit.');
    this.ledger = h('div', { class: 'ledger' }, this.records.element, this.effects.element);
    this.expectations = new Expectations();
    element.append(
      h(
        'div',
        { class: 'stack' },
        h(
          'div',
          { class: 'grid-2' },
          h(
            'section',
            { class: 'card' },
            h('header', {}, this.whyTitle),
            this.sentence,
            this.checks,
            this.line.element,
          ),
          h(
            'div',
            { class: 'stack' },
            card('Time of the lane, last 10 s', h('div', { class: 'pad' }, this.busy.element)),
            card('Figures', this.facts.element),
          ),
        ),
        h(
          'section',
          { class: 'card' },
          h(
            'header',
            {},
            h(
              'h3',
              { title: 'Every record is accounted for; the same numbers are in each commit of the table' },
              'Ledger: where every record went',
            ),
          ),
          this.noLedger,
          this.ledger,
          this.below,
          this.expectations.element,
        ),
        h(
          'div',
          { class: 'grid-2' },
          this.charts.map((c) => c.element),
        ),
      ),
    );
    this.sub = store.socket.subscribe({
      channel: 'metrics',
      params: { query: name },
      maxHz: 2,
      onData: (type, data) => {
        if (type === 'snap') this.ring.clear();
        this.ring.append(data);
        this.step = data.step_ms ?? this.step;
        this.draw();
      },
    });
    this.stop = listen(store, { prefs: () => this.draw(), pause: () => this.draw() });
  }

  draw() {
    if (!this.ring.size || this.store.paused) return;
    const { from, to } = timeSpan([this.ring], this.store.prefs.range * 1000);
    for (const chart of this.charts) {
      const data = Object.fromEntries(
        chart.series.map((s) => [s.key, this.ring.points(s.key, from, 3 * (this.step ?? 1000))]),
      );
      chart.set(data, from, to);
    }
  }

  status(q) {
    const now = this.store.now();
    const { zone } = this.store.prefs;
    this.busy.set(q.busy ?? {});
    const flows = !q.why_nothing && q.state === 'running';
    setText(this.whyTitle, flows ? 'From the broker to the table' : 'Why is nothing coming out?');
    this.sentence.hidden = !q.why_nothing;
    if (q.why_nothing) setText(this.sentence, q.why_nothing);
    const checks = whyChecks(q, now).map((c, i) => ({ ...c, i }));
    keyed(
      this.checks,
      checks,
      (c) => c.i,
      checkRow,
      (li, c) => li.set_(c),
    );
    this.line.set(q, now, zone);
    this.facts.set({
      p50: span(q.latency_ms?.p50),
      p95: span(q.latency_ms?.p95),
      p99: span(q.latency_ms?.p99),
      c50: span(q.commit_ms?.p50),
      c99: span(q.commit_ms?.p99),
      trigger: span(q.trigger_ms),
      open: int(q.open_windows),
      waiting: int(q.rows_waiting),
      state: bytes(q.state_bytes),
      restarts: int(q.restarts),
      epoch: int(q.epoch),
      since: [ago(q.since, now), stamp(q.since, zone)],
    });
    const known = Boolean(q.ledger?.records);
    this.noLedger.hidden = known;
    this.ledger.hidden = !known;
    this.below.hidden = !known;
    if (known) {
      const e = q.ledger.effects;
      this.records.set(q.ledger.records);
      this.effects.set(e);
      setText(
        this.below,
        `Closed = ${int(e.written)} behind written rows + ${int(e.having)} dropped by HAVING ` +
          `+ ${int(e.dropped)} by expectations.` +
          `${q.ledger.records.lost ? ` ${int(q.ledger.records.lost)} offsets were gone before they were read.` : ''}`,
      );
    }
    this.expectations.set(q);
  }

  unmount() {
    this.stop();
    this.sub.close();
    for (const c of this.charts) c.destroy();
  }
}

export function mount(element, store, name) {
  const view = new Health(element, store, name);
  return { status: (q) => view.status(q), unmount: () => view.unmount() };
}
