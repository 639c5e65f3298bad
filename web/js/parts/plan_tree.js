// SPDX-License-Identifier: MIT
// plan_tree: a plan as nested steps, from the table at the top down to its sources; data flows upwards.

import { h, icon } from '../dom.js';
import { span } from '../format.js';

const ICON = {
  Source: 'sources',
  Table: 'tables',
  Filter: 'more',
  Project: 'table',
  Watermark: 'events',
  Join: 'plus',
  LeftJoin: 'plus',
  SemiJoin: 'more',
  AntiJoin: 'more',
  Window: 'overview',
  Union: 'plus',
};
const ABOUT = {
  Source: 'reads records of topics',
  Table: 'a static table',
  Filter: 'drops rows',
  Project: 'computes columns',
  Watermark: 'tells what is late',
  Join: 'finds partners',
  LeftJoin: 'finds partners, keeps rows without',
  SemiJoin: 'keeps rows that have a partner',
  AntiJoin: 'keeps rows that have no partner',
  Window: 'groups by event time',
  Union: 'all rows of its inputs',
};

function node(n) {
  const columns = n.columns ?? [];
  return h(
    'li',
    { class: 'plan-step' },
    h(
      'div',
      { class: `plan-node plan-${n.operator.toLowerCase()}` },
      icon(ICON[n.operator] ?? 'queries'),
      h(
        'div',
        {},
        h('p', {}, h('b', {}, n.operator), ' ', h('span', { class: 'muted' }, ABOUT[n.operator] ?? '')),
        h('code', {}, n.detail),
        columns.length
          ? h(
              'details',
              {},
              h('summary', {}, `${columns.length} columns out`),
              h(
                'p',
                { class: 'plan-columns' },
                columns.map((c) => h('span', { class: 'tag' }, c.name, ' ', h('small', {}, c.type))),
              ),
            )
          : null,
      ),
    ),
    inputs(n.inputs ?? []),
  );
}

function inputs(list) {
  return list.length
    ? h(
        'ul',
        { class: 'plan-inputs' },
        list.map((n) => h('li', {}, h('div', { class: 'plan-up' }), h('ul', {}, node(n)))),
      )
    : null;
}

// plan: what explain --format json prints, one object or a list.
export function planTree(plan) {
  const list = Array.isArray(plan) ? plan : [plan];
  return list.map((p) =>
    h(
      'div',
      { class: 'plan' },
      h(
        'div',
        { class: 'plan-node plan-sink' },
        icon('tables'),
        h(
          'div',
          {},
          h('p', {}, h('b', {}, p.query), ' ', h('span', { class: 'muted' }, 'Delta table')),
          h('code', {}, p.location),
          h(
            'p',
            { class: 'muted small' },
            `every ${span(p.trigger_us / 1000)}; `,
            p.stateful ? 'keeps open windows, which the watermark closes' : 'keeps no state',
          ),
        ),
      ),
      inputs(p.plan ? [p.plan] : []),
    ),
  );
}
