// SPDX-License-Identifier: MIT
// events: what happened to queries, producers, brokers and the service.

import { h, icon, put, setClass, setText } from '../dom.js';
import { ago, int, stamp } from '../format.js';
import { card, emptyState, listen, pageHead } from '../parts/bits.js';
import { LEVEL_ICON } from '../parts/state.js';
import { Table } from '../parts/table.js';

function level() {
  const element = h('span', { class: 'state' });
  return {
    element,
    set(e) {
      if (element.dataset.level === e.level) return;
      element.dataset.level = e.level;
      setClass(element, `state tone-${e.level === 'error' ? 'bad' : e.level}`);
      put(element, icon(LEVEL_ICON[e.level] ?? 'info'), e.level);
    },
  };
}

export function mount(element, store) {
  const filter = h('input', {
    type: 'search',
    placeholder: 'Filter',
    'aria-label': 'Filter events',
    title: 'Filter (/)',
    oninput: () => show(),
  });
  const kind = h(
    'select',
    { 'aria-label': 'Kind', onchange: () => show() },
    ['all kinds', 'query', 'producer', 'broker', 'service'].map((k) =>
      h('option', { value: k === 'all kinds' ? '' : k }, k),
    ),
  );
  const count = h('p', { class: 'muted' });
  const table = new Table({
    label: 'Events',
    key: (e) => e.id,
    empty: emptyState(
      'events',
      'No events',
      'Starts, stops, failures and broken connections are listed here as they happen.',
    ),
    columns: [
      { label: 'Time', text: (e) => stamp(e.t, store.prefs.zone), title: (e) => `${e.t}, ${ago(e.t, store.now())}` },
      { label: 'Level', make: level },
      { label: 'Kind', text: (e) => e.kind, phone: false },
      { label: 'What', text: (e) => e.subject },
      { label: 'Event', text: (e) => e.text },
    ],
  });
  element.append(
    h(
      'div',
      { class: 'page' },
      pageHead('Events', count, kind, filter),
      card(null, table.element),
    ),
  );
  function show() {
    const word = filter.value.trim().toLowerCase();
    const items = store.events.filter(
      (e) =>
        (!kind.value || e.kind === kind.value) &&
        (!word || `${e.subject} ${e.text} ${e.level}`.toLowerCase().includes(word)),
    );
    setText(count, `${int(items.length)} of the newest ${int(store.events.length)}`);
    table.set(items);
  }
  show();
  return { unmount: listen(store, { events: show, prefs: show }) };
}
