// SPDX-License-Identifier: MIT
// commits: the last 60 as bars, the phases of the chosen one, and all that is known of each in a table.

import { h, keyed, put, setAttr, setText, setVar } from '../../dom.js';
import { bytes, clock, int, span, stamp } from '../../format.js';
import { card, emptyState, facts, shareBar } from '../../parts/bits.js';
import { Table } from '../../parts/table.js';

const STRIP = 60;
const KEEP = 240;
const PHASES = [
  { key: 'compute', label: 'compute', color: '--s3', hint: 'decode, filter, join, windows after the barrier' },
  { key: 'prepare', label: 'prepare', color: '--s1', hint: 'snapshot and Parquet files made durable' },
  { key: 'record', label: 'record', color: '--s6', hint: 'the epoch recorded as prepared in the catalog' },
  { key: 'commit', label: 'commit', color: '--s2', hint: 'the next file of _delta_log' },
];

export function workOf(c) {
  const p = c.phases_ms ?? {};
  const known = (p.compute ?? 0) + (p.prepare ?? 0) + (p.record ?? 0) + (p.commit ?? 0);
  return known || c.duration_ms || 0;
}

class Commits {
  constructor(element, store, name) {
    this.store = store;
    this.items = [];
    this.pinned = null;
    this.strip = h('div', { class: 'strip', role: 'img' });
    this.scale = h('span', { class: 'muted small' });
    this.follow = h('button', { class: 'quiet small', hidden: true, onclick: () => this.pin(null) }, 'Follow newest');
    this.title = h('h2', {}, 'Commit');
    this.phases = shareBar('Phases', PHASES, { format: span });
    this.facts = facts([
      ['Version', 'version', 'of the Delta table'],
      ['Committed', 'at'],
      ['Records', 'records'],
      ['Rows', 'rows'],
      ['Late', 'late'],
      ['Rejected', 'rejected'],
      ['Files', 'files'],
      ['Size', 'bytes'],
      ['Filling', 'fill', 'the epoch takes records until the trigger'],
      ['Work', 'work', 'from the barrier to the commit'],
      ['Retries', 'retries'],
      ['Watermark', 'watermark'],
    ]);
    this.offsets = h('div', { class: 'offsets' });
    this.table = new Table({
      label: 'Commits',
      key: (c) => c.epoch,
      empty: '',
      rowClass: (c) => (c.epoch === this.shown()?.epoch ? 'chosen' : ''),
      columns: [
        {
          label: 'Epoch',
          num: true,
          make: () => {
            let commit = null;
            const b = h('button', { class: 'link', onclick: () => this.pin(commit.epoch) });
            return {
              element: b,
              set: (c) => {
                commit = c;
                setText(b, int(c.epoch));
              },
            };
          },
        },
        { label: 'Version', num: true, text: (c) => int(c.version) },
        {
          label: 'Committed',
          text: (c) => clock(c.committed_at, store.prefs.zone),
          title: (c) => c.committed_at,
          phone: false,
        },
        { label: 'Records', num: true, text: (c) => int(c.records) },
        { label: 'Rows', num: true, text: (c) => int(c.rows) },
        { label: 'Late', num: true, text: (c) => int(c.late), phone: false },
        { label: 'Rejected', num: true, text: (c) => int(c.rejected), phone: false },
        { label: 'Files', num: true, text: (c) => int(c.files), phone: false },
        { label: 'Size', num: true, text: (c) => bytes(c.bytes), phone: false },
        { label: 'Work', num: true, hint: 'without filling', text: (c) => span(workOf(c)) },
        { label: 'Retries', num: true, text: (c) => int(c.retries), phone: false },
      ],
    });
    this.empty = h('section', { class: 'card' });
    this.body = h(
      'div',
      { class: 'stack' },
      h(
        'section',
        { class: 'card' },
        h(
          'header',
          {},
          h('h2', {}, `Last ${STRIP} commits`),
          h('span', { class: 'muted small' }, 'height: work without filling'),
          h('span', { class: 'grow' }),
          this.follow,
        ),
        h('div', { class: 'pad' }, this.strip, this.scale),
      ),
      h(
        'section',
        { class: 'card' },
        h('header', {}, this.title),
        h('div', { class: 'pad' }, this.phases.element),
        this.facts.element,
        this.offsets,
      ),
      card('All kept commits', this.table.element),
    );
    element.append(this.empty, this.body);
    this.sub = store.socket.subscribe({
      channel: 'commits',
      params: { query: name },
      onData: (type, data) => this.got(type, data),
    });
    this.show();
  }

  got(type, data) {
    const seen = new Map((type === 'snap' ? [] : this.items).map((c) => [c.epoch, c]));
    for (const c of data.items) seen.set(c.epoch, c);
    this.items = [...seen.values()].sort((a, b) => b.epoch - a.epoch).slice(0, KEEP);
    this.loaded = true;
    this.show();
  }

  pin(epoch) {
    this.pinned = epoch;
    this.show();
  }

  shown() {
    return this.items.find((c) => c.epoch === this.pinned) ?? this.items[0];
  }

  show() {
    const none = !this.items.length;
    this.empty.hidden = !none;
    this.body.hidden = none;
    if (none) {
      const q = this.q;
      const text =
        q?.state === 'running'
          ? `The first trigger fires in ${span(Math.max(0, q.next_trigger_in_ms ?? q.trigger_ms))}.`
          : 'A query that runs commits at each trigger. Start it.';
      if (this.emptyText !== text) {
        this.emptyText = text;
        put(this.empty, emptyState('tables', 'No commits yet', text));
      }
      return;
    }
    const c = this.shown();
    this.follow.hidden = this.pinned === null;
    this.bars(c);
    setText(
      this.title,
      `Epoch ${int(c.epoch)}${c.version === null ? ', no version: no rows' : ` is version ${int(c.version)}`}`,
    );
    this.phases.set(c.phases_ms ?? {});
    const { zone } = this.store.prefs;
    this.facts.set({
      version: int(c.version),
      at: [clock(c.committed_at, zone), stamp(c.committed_at, zone)],
      records: int(c.records),
      rows: int(c.rows),
      late: int(c.late),
      rejected: int(c.rejected),
      files: int(c.files),
      bytes: bytes(c.bytes),
      fill: span(c.phases_ms?.fill),
      work: span(workOf(c)),
      retries: int(c.retries),
      watermark: stamp(c.watermark, zone),
    });
    this.showOffsets(c);
    this.table.set(this.items);
  }

  bars(chosen) {
    const list = this.items.slice(0, STRIP).reverse();
    const most = Math.max(...list.map(workOf), 1);
    keyed(
      this.strip,
      list,
      (c) => c.epoch,
      () => {
        const bar = h('i', { onclick: () => this.pin(bar.epoch_) });
        return bar;
      },
      (bar, c) => {
        bar.epoch_ = c.epoch;
        setVar(bar, '--h', String(Math.max(0.03, workOf(c) / most)));
        setAttr(
          bar,
          'class',
          [c.version === null ? 'none' : c.retries ? 'retried' : '', c.epoch === chosen.epoch ? 'on' : '']
            .join(' ')
            .trim() || null,
        );
        setAttr(
          bar,
          'title',
          [
            `epoch ${c.epoch}`,
            c.version === null ? 'no version' : `version ${c.version}`,
            span(workOf(c)),
            `${c.rows} rows`,
          ].join(', '),
        );
      },
    );
    const sorted = list.map(workOf).sort((a, b) => a - b);
    const count = (test) => list.filter(test).length;
    const text = [
      `median ${span(sorted[sorted.length >> 1])}`,
      `slowest ${span(most)}`,
      `${count((c) => c.version === null)} without rows`,
      `${count((c) => c.retries)} retried`,
    ].join(' · ');
    setText(this.scale, text);
    setAttr(this.strip, 'aria-label', `Last ${list.length} commits: ${text}`);
  }

  showOffsets(c) {
    const list = c.offsets ?? [];
    if (this.offsetsOf === c.epoch) return;
    this.offsetsOf = c.epoch;
    const open = this.offsets.querySelector('details')?.open;
    put(
      this.offsets,
      list.length
        ? h(
            'details',
            { open },
            h('summary', {}, `Offsets of ${list.length} partitions`),
            h(
              'table',
              { class: 'data' },
              h(
                'thead',
                {},
                h(
                  'tr',
                  {},
                  ['Topic', 'Partition', 'From', 'To', 'Records'].map((t, i) =>
                    h('th', { scope: 'col', class: i ? 'num' : null }, t),
                  ),
                ),
              ),
              h(
                'tbody',
                {},
                list.map((o) =>
                  h(
                    'tr',
                    {},
                    h('td', {}, o.topic),
                    h('td', { class: 'num' }, o.partition),
                    h('td', { class: 'num' }, int(o.from)),
                    h('td', { class: 'num' }, int(o.to)),
                    h('td', { class: 'num' }, int(o.to - o.from)),
                  ),
                ),
              ),
            ),
          )
        : null,
    );
  }

  status(q) {
    this.q = q;
    if (!this.items.length) this.show();
  }

  unmount() {
    this.sub.close();
  }
}

export function mount(element, store, name) {
  const view = new Commits(element, store, name);
  return { status: (q) => view.status(q), unmount: () => view.unmount() };
}
