// SPDX-License-Identifier: MIT
// sources: what the queries read: lag per partition as bars, positions, brokers, and the newest records of a topic.

import * as api from '../api.js';
import { h, icon, keyed, put, setAttr, setClass, setText, setVar } from '../dom.js';
import { ago, cell, int, si, span, stamp } from '../format.js';
import { button, emptyState, listen, load, pageHead } from '../parts/bits.js';
import { copyButton } from '../parts/dialog.js';
import { Table } from '../parts/table.js';

const POLL_MS = 3000;

// How the lag of a partition moves between two looks: "flat", "up" or "down".
export function trend(before, now) {
  if (before === undefined || before === null) return 'flat';
  const d = now - before;
  return Math.abs(d) <= Math.max(200, 0.05 * before) ? 'flat' : d > 0 ? 'up' : 'down';
}

function lagRow() {
  const name = h('span', { class: 'mono' });
  const bar = h('i', {});
  const value = h('b', {});
  const note = h('span', { class: 'muted' });
  const li = h('li', {}, name, h('span', { class: 'lag-bar' }, bar), value, note);
  li.set_ = (p, most, move) => {
    setText(name, `${p.topic} / ${p.partition}`);
    setVar(bar, '--w', String(most ? p.lag / most : 0));
    setClass(bar, p.idle ? 'idle' : `trend-${move}`);
    setText(value, si(p.lag));
    setAttr(value, 'title', `${int(p.lag)} records`);
    setText(note, p.idle ? 'idle' : { up: 'grows', down: 'drains', flat: '' }[move]);
  };
  return li;
}

class Source {
  constructor(store, source) {
    this.store = store;
    this.before = new Map();
    this.id = source.id;
    this.title = h('h2', {});
    this.state = h('span', { class: 'state' });
    this.line = h('p', { class: 'muted' });
    this.bars = h('ol', { class: 'lag-list' });
    const t = (iso) => ago(iso, store.now());
    this.table = new Table({
      label: `Partitions of ${source.id}`,
      key: (p) => `${p.topic} ${p.partition}`,
      empty: h('p', { class: 'muted pad' }, 'No partitions are known yet: the broker has not answered.'),
      columns: [
        { label: 'Topic', text: (p) => p.topic },
        { label: 'Partition', num: true, sort: (p) => p.partition, text: (p) => p.partition },
        { label: 'Position', num: true, hint: 'next offset to read', text: (p) => int(p.position), phone: false },
        {
          label: 'Committed',
          num: true,
          hint: 'next offset that is not in the table yet',
          text: (p) => int(p.committed),
          phone: false,
        },
        { label: 'First', num: true, hint: 'oldest offset in Kafka', text: (p) => int(p.low), phone: false },
        {
          label: 'End',
          num: true,
          hint: 'offset of the next record to be written',
          text: (p) => int(p.end),
          phone: false,
        },
        { label: 'Lag', num: true, sort: (p) => p.lag, text: (p) => int(p.lag) },
        { label: 'Rate', num: true, sort: (p) => p.records_per_s, text: (p) => `${si(p.records_per_s)}/s` },
        {
          label: 'Last record',
          num: true,
          text: (p) => t(p.last_record_at),
          title: (p) => stamp(p.last_record_at, store.prefs.zone),
          phone: false,
        },
      ],
    });
    this.sample = h('div', {});
    this.element = h(
      'section',
      { class: 'card' },
      h('header', {}, h('div', { class: 'row wrap' }, this.title, this.state), this.line),
      h('div', { class: 'pad' }, this.bars),
      h('details', { class: 'pad' }, h('summary', {}, 'Offsets'), this.table.element),
      this.sample,
    );
    this.sub = store.socket.subscribe({
      channel: 'partitions',
      params: { source: source.id },
      maxHz: 1,
      onData: (type, data) => this.got(data.items ?? data),
    });
    this.set(source);
  }

  set(s) {
    this.source = s;
    put(
      this.title,
      h('a', { href: `#/queries/${s.query}` }, s.query),
      h('span', { class: 'muted' }, ` reads ${s.topics.join(', ')}`),
    );
    const well = s.connected && !s.silent_since;
    setClass(this.state, `state tone-${well ? 'ok' : 'bad'}`);
    put(
      this.state,
      icon(well ? 'ok' : 'bad'),
      s.connected
        ? `Connected${s.silent_since ? `, no answer for ${span(this.store.now() - Date.parse(s.silent_since))}` : ''}`
        : `Not connected${s.down_since ? ` for ${span(this.store.now() - Date.parse(s.down_since))}` : ''}`,
    );
    setText(
      this.line,
      s.error ||
        [
          s.bootstrap_servers,
          `${si(s.records_per_s)} records/s`,
          `lag ${si(s.lag)}`,
          `${int(s.records)} records read`,
        ].join(' · '),
    );
    if (this.sampleFor !== s.topics.join()) {
      this.sampleFor = s.topics.join();
      put(
        this.sample,
        h(
          'footer',
          { class: 'row bar wrap' },
          s.topics.map((topic) =>
            button(`Newest records of ${topic}`, 'sources', () => this.look(topic), { class: 'quiet small' }),
          ),
        ),
        (this.found = h('div', {})),
      );
    }
  }

  got(items) {
    const sorted = [...items].sort((a, b) => b.lag - a.lag || a.partition - b.partition).slice(0, 40);
    const most = Math.max(...sorted.map((p) => p.lag), 1);
    const key = (p) => `${p.topic} ${p.partition}`;
    keyed(this.bars, sorted, key, lagRow, (li, p) => li.set_(p, most, trend(this.before.get(key(p)), p.lag)));
    this.before = new Map(items.map((p) => [key(p), 0.8 * (this.before.get(key(p)) ?? p.lag) + 0.2 * p.lag]));
    this.table.set(items);
  }

  look(topic) {
    load(
      this.found,
      api.get(`/topics/${api.seg(topic)}/sample?bootstrap_servers=${api.seg(this.source.bootstrap_servers)}&n=20`),
      (answer) => {
        const items = answer.items ?? answer;
        if (!items.length)
          return emptyState('sources', `The topic ${topic} has no records`, 'Start a producer, or wait for one.');
        return h(
          'ul',
          { class: 'samples pad' },
          items.map((r) =>
            h(
              'li',
              { class: 'sample' },
              h(
                'div',
                { class: 'row wrap' },
                h('b', { class: 'mono' }, `${r.partition} / ${r.offset}`),
                h('span', { class: 'muted' }, r.key === null || r.key === undefined ? 'no key' : `key ${r.key}`),
                h('span', { class: 'grow' }),
                h('span', { class: 'muted' }, stamp(r.timestamp, this.store.prefs.zone)),
                copyButton(() => cell(r.value)),
              ),
              h('pre', { tabindex: '0', 'aria-label': 'Value' }, cell(r.value)),
            ),
          ),
        );
      },
      () => this.look(topic),
    );
  }
}

export function mount(element, store) {
  const cards = new Map();
  const list = h('div', { class: 'stack' });
  const place = h('div', {});
  element.append(
    h(
      'div',
      { class: 'page' },
      pageHead('Sources', 'What the queries read, and how far each partition is.'),
      place,
      list,
    ),
  );
  const empty = h(
    'section',
    { class: 'card' },
    emptyState(
      'sources',
      'Nothing is read',
      'A source appears with the first query that runs.',
      h('a', { class: 'button', href: '#/queries/new' }, 'New query'),
    ),
  );
  async function refresh() {
    if (store.paused || document.hidden) return;
    try {
      const { items } = await api.get('/sources');
      put(place, items.length ? null : empty);
      for (const s of items) {
        if (cards.has(s.id)) cards.get(s.id).set(s);
        else cards.set(s.id, new Source(store, s));
      }
      for (const [id, c] of cards) {
        if (items.some((s) => s.id === id)) continue;
        c.sub.close();
        cards.delete(id);
      }
      keyed(
        list,
        items,
        (s) => s.id,
        (s) => cards.get(s.id).element,
        () => {},
      );
    } catch (problem) {
      if (!cards.size) put(place, emptyState('errors', problem.message, problem.hint));
    }
  }
  refresh();
  const timer = setInterval(refresh, POLL_MS);
  const stop = listen(store, {
    connection: () => {
      if (store.socket.state === 'open' && !cards.size) refresh();
    },
  });
  return {
    unmount() {
      clearInterval(timer);
      stop();
      for (const c of cards.values()) c.sub.close();
    },
  };
}
