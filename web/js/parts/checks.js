// SPDX-License-Identifier: MIT
// checks: lines with a tick or a cross; the expectations of a query, with the table of the rows that violate one.

import { h, icon, keyed, put, setAttr, setClass, setText } from '../dom.js';
import { int, plural } from '../format.js';

// An <li> with set_({ok, text, detail}).
export function checkRow() {
  const picture = h('span', {});
  const text = h('b', {});
  const detail = h('span', { class: 'muted' });
  const li = h('li', {}, picture, h('div', {}, text, detail));
  li.set_ = (c) => {
    setClass(picture, `check tone-${c.ok ? 'ok' : 'bad'}`);
    const name = c.ok ? 'ok' : 'bad';
    if (picture.dataset.icon !== name) {
      picture.dataset.icon = name;
      put(picture, icon(name), h('span', { class: 'off-screen' }, c.ok ? 'Fine: ' : 'Problem: '));
    }
    setText(text, c.text);
    setText(detail, c.detail ?? '');
  };
  return li;
}

const ACTIONS = { keep: 'the row is kept', drop: 'the row is dropped', fail: 'the query fails' };

// Of a query's status: hidden while it has no rules.
export class Expectations {
  constructor() {
    this.list = h('ul', { class: 'checks' });
    this.link = h('a', { class: 'link' });
    this.aside = h('p', { class: 'muted pad' }, 'Rows that violate a rule are in ', this.link, '.');
    this.element = h('div', { class: 'expectations', hidden: true }, this.list, this.aside);
  }

  set(q) {
    const rules = q.expectations ?? [];
    this.element.hidden = !rules.length;
    keyed(
      this.list,
      rules,
      (x) => x.name,
      checkRow,
      (li, x) =>
        li.set_({
          ok: x.failed === 0,
          text: x.name,
          detail:
            `${plural(x.failed, 'row')} of ${int(x.passed + x.failed)} violate it; ` +
            `then ${ACTIONS[x.action] ?? x.action}`,
        }),
    );
    this.aside.hidden = !q.quarantine;
    if (!q.quarantine) return;
    setText(this.link, q.quarantine);
    setAttr(this.link, 'href', `#/tables/${encodeURIComponent(q.quarantine)}`);
  }
}
