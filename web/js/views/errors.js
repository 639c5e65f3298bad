// SPDX-License-Identifier: MIT
// errors: of all queries, the newest first.

import { h } from '../dom.js';
import { ErrorList } from '../parts/error_list.js';
import { listen, pageHead } from '../parts/bits.js';

const KEEP = 200;

export function mount(element, store) {
  const list = new ErrorList(store, {
    withQuery: true,
    none: 'No record of any query was late, malformed or too big.',
  });
  const of = new Map(); // query -> {sub, counts, samples}
  element.append(
    h(
      'div',
      { class: 'page' },
      pageHead(
        'Errors',
        'Records that did not make it, over all queries. Queries that failed are on the overview.',
      ),
      list.element,
    ),
  );
  function show() {
    const counts = {};
    let samples = [];
    for (const { counts: c, samples: s } of of.values()) {
      for (const [reason, n] of Object.entries(c)) counts[reason] = (counts[reason] ?? 0) + n;
      samples = samples.concat(s);
    }
    samples.sort((a, b) => (a.seen_at < b.seen_at ? 1 : a.seen_at > b.seen_at ? -1 : 0));
    list.set(counts, samples.slice(0, KEEP));
  }
  function follow() {
    for (const { name } of store.queries) {
      if (of.has(name)) continue;
      const entry = { counts: {}, samples: [] };
      const mine = (items) => items.map((s) => ({ ...s, query: name }));
      entry.sub = store.socket.subscribe({
        channel: 'errors',
        params: { query: name },
        maxHz: 1,
        onData: (type, data) => {
          entry.counts = data.counts;
          entry.samples =
            type === 'snap' ? mine(data.samples) : [...mine(data.samples), ...entry.samples].slice(0, 100);
          show();
        },
      });
      of.set(name, entry);
    }
    for (const [name, entry] of of) {
      if (store.query(name)) continue;
      entry.sub.close();
      of.delete(name);
    }
    show();
  }
  follow();
  const stop = listen(store, { status: follow });
  return {
    unmount() {
      stop();
      for (const { sub } of of.values()) sub.close();
    },
  };
}
