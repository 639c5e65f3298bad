// SPDX-License-Identifier: MIT
// bits: what every page is made of: heads, cards, facts, empty states, stacked bars.

import { h, icon, put, setAttr, setText, setVar } from '../dom.js';
import { int, percent } from '../format.js';

// The head of a page: its title, a line below it (a text, or a node that moves), and what can be done.
export function pageHead(title, line, ...actions) {
  return h(
    'div',
    { class: 'page-head' },
    h('div', {}, h('h1', {}, title), typeof line === 'string' ? h('p', { class: 'muted' }, line) : line),
    actions.length ? h('div', { class: 'actions' }, actions) : null,
  );
}

export function card(title, ...content) {
  return h(
    'section',
    { class: 'card' },
    title ? h('header', {}, typeof title === 'string' ? h('h2', {}, title) : title) : null,
    content,
  );
}

// Why there is nothing, and what to do next.
export function emptyState(iconName, title, text, ...actions) {
  return h(
    'div',
    { class: 'empty-state' },
    icon(iconName),
    h('h2', {}, title),
    h('p', {}, text),
    actions.length ? h('div', { class: 'actions' }, actions) : null,
  );
}

// [[label, key, hint]] -> a list of facts; set({key: text or [text, title]}).
export function facts(rows) {
  const nodes = new Map();
  const element = h(
    'dl',
    { class: 'facts' },
    rows.map(([label, key, hint]) => {
      const dd = h('dd', {}, '–');
      nodes.set(key, dd);
      return h('div', {}, h('dt', { title: hint }, label), dd);
    }),
  );
  return {
    element,
    set(values) {
      for (const [key, value] of Object.entries(values)) {
        const node = nodes.get(key);
        if (!node) continue;
        const [text, title] = Array.isArray(value) ? value : [value, null];
        setText(node, text);
        setAttr(node, 'title', title);
      }
    },
  };
}

// A 100 % bar of named shares with its legend. parts: [{key, label, color, hint}]; set({key: number}).
export function shareBar(label, partsOf, { format = int, share = true } = {}) {
  const bars = new Map();
  const values = new Map();
  const bar = h(
    'div',
    { class: 'share-bar', role: 'img' },
    partsOf.map((p) => {
      const node = h('i', { vars: { '--c': `var(${p.color})` } });
      bars.set(p.key, node);
      return node;
    }),
  );
  const legend = h(
    'ul',
    { class: 'share-legend' },
    partsOf.map((p) => {
      const b = h('b', {}, '–');
      const s = h('span', { class: 'muted' });
      values.set(p.key, [b, s]);
      return h(
        'li',
        { vars: { '--c': `var(${p.color})` }, title: p.hint },
        h('i', { class: 'dot' }),
        h('span', {}, p.label),
        b,
        s,
      );
    }),
  );
  return {
    element: h('div', { class: 'shares' }, bar, legend),
    set(data) {
      const total = partsOf.reduce((sum, p) => sum + (data[p.key] ?? 0), 0);
      for (const p of partsOf) {
        const v = data[p.key] ?? 0;
        setVar(bars.get(p.key), '--w', String(total > 0 ? v / total : 0));
        const [b, s] = values.get(p.key);
        setText(b, format(v));
        setText(s, share && total > 0 ? percent(v / total) : '');
      }
      setAttr(
        bar,
        'aria-label',
        `${label}: ${partsOf.map((p) => `${p.label} ${format(data[p.key] ?? 0)}`).join(', ')}`,
      );
    },
  };
}

export function button(label, iconName, run, props = {}) {
  return h(
    'button',
    { class: 'quiet', type: 'button', onclick: run, ...props },
    iconName ? icon(iconName) : null,
    h('span', {}, label),
  );
}

// Shows a promise's answer in a place: a skeleton first, then make(value), or the problem and a way to try again.
export async function load(place, promise, make, retry) {
  const skeleton = setTimeout(() => put(place, h('div', { class: 'skeleton' })), 120);
  try {
    const value = await promise;
    clearTimeout(skeleton);
    put(place, make(value));
  } catch (problem) {
    clearTimeout(skeleton);
    if (problem.name === 'AbortError') return;
    put(
      place,
      emptyState(
        'errors',
        problem.message,
        problem.hint || 'The server said so.',
        retry ? button('Try again', 'restart', retry) : null,
      ),
    );
  }
}

// Listens to several events of one target and hands back how to stop.
export function listen(target, handlers) {
  for (const [type, handler] of Object.entries(handlers)) target.addEventListener(type, handler);
  return () => {
    for (const [type, handler] of Object.entries(handlers)) target.removeEventListener(type, handler);
  };
}
