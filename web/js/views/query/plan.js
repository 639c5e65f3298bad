// SPDX-License-Identifier: MIT
// plan: the steps of a query as a picture, and the same as text.

import * as api from '../../api.js';
import { h } from '../../dom.js';
import { load } from '../../parts/bits.js';
import { code } from '../../parts/dialog.js';
import { planTree } from '../../parts/plan_tree.js';

export function mount(element, store, name) {
  const path = `/queries/${api.seg(name)}/plan`;
  const place = h('div', {});
  element.append(place);
  const run = () =>
    load(
      place,
      Promise.all([api.get(`${path}?format=json`), api.text(`${path}?format=text`)]),
      ([plan, text]) =>
        h(
          'div',
          { class: 'grid-2 unequal' },
          h('section', { class: 'card pad' }, planTree(plan)),
          h('section', { class: 'card pad' }, h('h2', {}, 'As text'), code(text, 'Plan')),
        ),
      run,
    );
  run();
  return { unmount() {} };
}
