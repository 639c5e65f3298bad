// SPDX-License-Identifier: MIT
// queries: all of them, with a filter.

import { h, setAttr, setText } from '../dom.js';
import { int } from '../format.js';
import { card, listen, pageHead } from '../parts/bits.js';
import { newQueryLink, queryTable } from '../parts/lists.js';

export function mount(element, store) {
  const table = queryTable(store);
  const filter = h('input', {
    type: 'search',
    placeholder: 'Filter',
    'aria-label': 'Filter queries',
    title: 'Filter (/)',
    oninput: () => show(),
  });
  const count = h('p', { class: 'muted' });
  element.append(
    h(
      'div',
      { class: 'page' },
      pageHead('Queries', count, filter, newQueryLink()),
      card(null, table.element),
    ),
  );
  const show = () => {
    const word = filter.value.trim().toLowerCase();
    const shown = store.queries.filter((q) => !word || q.name.includes(word) || q.state.includes(word));
    const running = store.queries.filter((q) => q.state === 'running').length;
    setText(count, store.known ? `${running} of ${int(store.queries.length)} running` : 'Waiting for the first status');
    setAttr(table.element, 'aria-busy', store.known ? null : 'true');
    if (store.known) table.set(shown);
  };
  show();
  const stop = listen(store, { status: show, prefs: show });
  return { unmount: stop };
}
