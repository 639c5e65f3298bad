// SPDX-License-Identifier: MIT
// lists: the tables of queries and producers that more than one page shows.

import * as api from '../api.js';
import { h, icon, setAttr, setText } from '../dom.js';
import { ago, int, percent, rate, si, span } from '../format.js';
import { disable, removeProducer, startStop } from './actions.js';
import { emptyState } from './bits.js';
import { makeState } from './state.js';
import { Table, linkCell } from './table.js';

export function newQueryLink(label = 'New query') {
  return h('a', { class: 'button primary', href: '#/queries/new' }, label);
}

export function queryTable(store) {
  return new Table({
    label: 'Queries',
    key: (q) => q.name,
    sortBy: 0,
    empty: emptyState('queries', 'No queries yet', 'A query reads topics, and writes one Delta table.', newQueryLink()),
    columns: [
      {
        label: 'Name',
        sort: (q) => q.name,
        make: linkCell(
          (q) => `#/queries/${q.name}`,
          (q) => q.name,
        ),
      },
      { label: 'State', sort: (q) => q.state, make: makeState },
      {
        label: 'In',
        num: true,
        hint: 'records per second',
        sort: (q) => q.records_per_s,
        text: (q) => rate(q.records_per_s),
        title: (q) => `${int(q.records)} records since the start`,
      },
      {
        label: 'Out',
        num: true,
        hint: 'rows per second, average of 20 s',
        sort: (q) => q.out_per_s,
        text: (q) => rate(q.out_per_s),
        title: (q) => `${int(q.rows)} rows since the start`,
        phone: false,
      },
      {
        label: 'Lag',
        num: true,
        hint: 'records not committed yet',
        sort: (q) => q.lag,
        text: (q) => si(q.lag),
        title: (q) => `${int(q.lag)} records, ${span(q.lag_ms)}`,
      },
      {
        label: 'Event-time lag',
        num: true,
        hint: 'server time minus watermark',
        sort: (q) => q.watermark_lag_ms,
        text: (q) => span(q.watermark_lag_ms),
        phone: false,
      },
      {
        label: 'Latency p99',
        num: true,
        hint: 'event on the broker to row committed',
        sort: (q) => q.latency_ms?.p99,
        text: (q) => span(q.latency_ms?.p99),
        phone: false,
      },
      {
        label: 'Version',
        num: true,
        hint: 'of the Delta table',
        sort: (q) => q.version,
        text: (q) => int(q.version),
        phone: false,
      },
      {
        label: 'Committed',
        num: true,
        sort: (q) => (q.last_commit_at ? Date.parse(q.last_commit_at) : null),
        text: (q) => ago(q.last_commit_at, store.now()),
        phone: false,
      },
      {
        label: 'Action',
        quiet: true,
        num: true,
        make: () => startStop(store, (name, action) => store.queryAction(name, action), { small: true }),
      },
    ],
  });
}

// ---- producers ----

export const RATE_MAX = 1000000;

// The slider's 0..1000 and the rate, on a log scale: 0 is 1/s, 1000 is RATE_MAX.
export function rateOf(position) {
  const raw = 10 ** ((position / 1000) * Math.log10(RATE_MAX));
  const unit = 10 ** Math.max(0, Math.floor(Math.log10(raw)) - 1);
  return Math.max(1, Math.round(raw / unit) * unit);
}

export function positionOf(rate) {
  return rate <= 1 ? 0 : Math.min(1000, Math.round((Math.log10(rate) / Math.log10(RATE_MAX)) * 1000));
}

// A slider and a number, both at once: the change is sent while it is made, at most four times a second.
export function rateControl(store) {
  let object = null;
  let mine = 0; // until when our own value counts more than the server's
  let timer = null;
  const slider = h('input', {
    type: 'range',
    min: 0,
    max: 1000,
    step: 1,
    oninput: () => change(rateOf(Number(slider.value))),
  });
  const box = h('input', {
    type: 'number',
    min: 0,
    max: 10000000,
    step: 'any',
    class: 'rate-box',
    onchange: () => {
      if (box.value !== '') change(Math.max(0, Number(box.value)));
    },
  });
  const element = h('div', { class: 'rate' }, slider, box, h('span', { class: 'muted' }, '/s'));
  function show(rate) {
    if (document.activeElement !== slider) slider.value = positionOf(rate);
    if (document.activeElement !== box) box.value = rate;
    setAttr(slider, 'aria-valuetext', rate ? `${int(rate)} records per second` : 'as fast as possible');
  }
  function change(rate) {
    if (!object || store.viewer) return;
    mine = performance.now() + 2500;
    if (document.activeElement !== box) box.value = rate;
    setAttr(slider, 'aria-valuetext', rate ? `${int(rate)} records per second` : 'as fast as possible');
    object = { ...object, rate };
    if (timer) return;
    timer = setTimeout(async () => {
      timer = null;
      try {
        await api.patch(`/producers/${api.seg(object.name)}`, { rate: object.rate });
      } catch (problem) {
        mine = 0;
        store.toast(problem.said, 'bad');
      }
    }, 250);
  }
  return {
    element,
    set(p) {
      if (performance.now() < mine && p.rate !== object?.rate) return;
      object = p;
      setAttr(slider, 'aria-label', `Rate of ${p.name}, records per second, slider`);
      setAttr(box, 'aria-label', `Rate of ${p.name}, records per second, 0 as fast as possible`);
      slider.disabled = box.disabled = store.viewer;
      show(p.rate);
    },
  };
}

export function producerTable(store, { brief = false, onOpen = null } = {}) {
  const name = onOpen
    ? () => {
        let object = null;
        const b = h('button', { class: 'link', type: 'button', onclick: () => onOpen(object.name) });
        return {
          element: b,
          set: (p) => {
            object = p;
            setText(b, p.name);
          },
        };
      }
    : linkCell(
        () => '#/producers',
        (p) => p.name,
      );
  const remove = () => {
    let object = null;
    const b = h(
      'button',
      { class: 'icon-button', type: 'button', onclick: () => removeProducer(store, object.name) },
      icon('trash'),
    );
    return {
      element: b,
      set: (p) => {
        object = p;
        setAttr(b, 'aria-label', `Delete ${p.name}`);
        disable(b, store.viewer ? 'Your role may look, not change' : '');
      },
    };
  };
  const more = brief
    ? []
    : [
        { label: 'Topic', text: (p) => p.topic, phone: false },
        { label: 'Template', text: (p) => p.template, phone: false },
        {
          label: 'Late',
          num: true,
          hint: 'share of records whose event time is moved back',
          text: (p) => percent((p.late_pct ?? 0) / 100),
          phone: false,
        },
        {
          label: 'Malformed',
          num: true,
          hint: 'share of broken records',
          text: (p) => percent((p.malformed_pct ?? 0) / 100),
          phone: false,
        },
        {
          label: 'Acked',
          num: true,
          hint: 'records the broker has confirmed',
          sort: (p) => p.acked,
          text: (p) => si(p.acked),
          title: (p) => `${int(p.acked)} of ${int(p.sent)} sent`,
          phone: false,
        },
        { label: 'Failed', num: true, sort: (p) => p.failed, text: (p) => int(p.failed), phone: false },
      ];
  return new Table({
    label: 'Producers',
    key: (p) => p.name,
    sortBy: 0,
    empty: emptyState(
      'producers',
      'No producers',
      'A producer fills a topic with generated events, so that there is something to see.',
      h('a', { class: 'button', href: '#/producers?new=1' }, 'New producer'),
    ),
    columns: [
      { label: 'Name', sort: (p) => p.name, make: name },
      { label: 'State', sort: (p) => p.state, make: makeState, phone: brief ? false : undefined },
      ...more,
      {
        label: 'Actual',
        num: true,
        hint: 'records per second, measured',
        sort: (p) => p.actual_rate,
        text: (p) => rate(p.actual_rate),
      },
      { label: 'Rate', make: () => rateControl(store) },
      {
        label: 'Action',
        quiet: true,
        num: true,
        make: () => startStop(store, (n, action) => store.producerAction(n, action), { small: true }),
      },
      ...(brief ? [] : [{ label: 'Delete', quiet: true, num: true, make: remove, phone: false }]),
    ],
  });
}
