// SPDX-License-Identifier: MIT
// errors: what of a query's records was late, malformed or too big, with samples.

import { h } from '../../dom.js';
import { Expectations } from '../../parts/checks.js';
import { ErrorList } from '../../parts/error_list.js';

const KEEP = 100;

export function mount(element, store, name) {
  const list = new ErrorList(store, { none: 'No record of this query was late, malformed or too big.' });
  let samples = [];
  const expectations = new Expectations();
  const rules = h('section', { class: 'card', hidden: true }, expectations.element);
  element.append(h('div', { class: 'stack' }, rules, list.element));
  const sub = store.socket.subscribe({
    channel: 'errors',
    params: { query: name },
    onData: (type, data) => {
      samples = type === 'snap' ? data.samples : [...data.samples, ...samples].slice(0, KEEP);
      samples.sort((a, b) => (a.seen_at < b.seen_at ? 1 : a.seen_at > b.seen_at ? -1 : 0));
      list.set(data.counts, samples);
    },
  });
  return {
    status(q) {
      expectations.set(q);
      rules.hidden = expectations.element.hidden;
    },
    unmount: () => sub.close(),
  };
}
