// SPDX-License-Identifier: MIT
// grid: the live rows, newest on top, virtualised: only what is seen exists. It stops by itself as soon as somebody
// scrolls down or selects text, counts what came meanwhile, and goes on when asked. Draws at most four times a second.

import { h, put, setText } from '../dom.js';
import { cell, moment } from '../format.js';
import { Rows } from '../ring.js';
import { columnKind } from '../charts/result.js';

const ROW_PX = 28;
const DRAW_MS = 250;
const MARGIN = 8;

export class Grid {
  // onPause(paused, waiting): whenever that changes.
  // zone(): how instants are shown.
  constructor({ capacity = 10000, onPause = () => {}, label, zone = () => 'local' }) {
    this.zone = zone;
    this.rows = new Rows(capacity);
    this.onPause = onPause;
    this.columns = [];
    this.frozen = null; // the rows shown while paused
    this.waiting = 0;
    this.held = false; // paused by the button, not by scrolling
    this.pool = [];
    this.head = h('div', { class: 'grid-head', role: 'row' });
    this.body = h('div', { class: 'grid-body', role: 'rowgroup' });
    this.element = h(
      'div',
      { class: 'grid', role: 'table', 'aria-label': label, tabindex: '0' },
      h('div', { role: 'rowgroup', class: 'grid-top' }, this.head),
      this.body,
    );
    this.element.addEventListener('scroll', () => this.scrolled(), { passive: true });
    this.onSelect = () => this.selected();
    document.addEventListener('selectionchange', this.onSelect);
    this.sizes = new ResizeObserver(() => this.draw());
    this.sizes.observe(this.element);
  }

  destroy() {
    clearTimeout(this.timer);
    this.sizes.disconnect();
    document.removeEventListener('selectionchange', this.onSelect);
  }

  setColumns(columns) {
    const same = JSON.stringify(columns) === JSON.stringify(this.columns);
    this.columns = columns;
    if (same) return;
    this.texts = columns.map((c) =>
      /^TIMESTAMP/i.test(c.type) ? (v) => (v === null ? 'null' : moment(v, this.zone())) : cell,
    );
    put(
      this.head,
      columns.map((c) =>
        h(
          'div',
          { role: 'columnheader', class: columnKind(c.type) === 'number' ? 'num' : null },
          h('span', {}, c.name),
          h('small', {}, String(c.type).toLowerCase()),
        ),
      ),
    );
    for (const row of this.pool) row.remove();
    this.pool = [];
    this.measured = 0;
  }

  // Widths from what is there: header and up to 200 rows, in characters.
  measure() {
    if (this.measured >= 200 || !this.columns.length) return;
    const sample = this.shown().slice(-200);
    if (this.measured && sample.length <= this.measured * 2) return;
    this.measured = Math.max(1, sample.length);
    const widths = this.columns.map((c, i) => {
      let n = Math.max((c.name.length + String(c.type).length) * 0.95 + 1, 6);
      for (const row of sample) n = Math.max(n, Math.min(44, this.texts[i](row[i]).length + 1));
      return n;
    });
    const cols = widths.map((n) => `minmax(calc(${Math.ceil(n)}ch + 1.5rem), ${Math.ceil(n)}fr)`).join(' ');
    this.element.style.setProperty('--cols', cols);
    const total = widths.reduce((sum, n) => sum + Math.ceil(n), 0);
    this.element.style.setProperty('--width', `calc(${total}ch + ${1.5 * widths.length}rem)`);
  }

  reset(columns, rows) {
    this.setColumns(columns);
    this.rows.clear();
    this.rows.append(rows);
    if (this.paused) this.note(rows.length);
    this.later();
  }

  append(rows) {
    this.rows.append(rows);
    if (this.paused) this.note(rows.length);
    else this.later();
  }

  note(n) {
    this.waiting += n;
    this.onPause(true, this.waiting);
  }

  get paused() {
    return this.frozen !== null;
  }

  shown() {
    return this.frozen ?? this.rows.rows;
  }

  pause(byHand = false) {
    this.held = byHand || this.held;
    if (this.paused) return;
    this.frozen = this.rows.rows.slice();
    this.waiting = 0;
    this.onPause(true, 0);
  }

  resume() {
    this.frozen = null;
    this.held = false;
    this.waiting = 0;
    this.element.scrollTop = 0;
    this.onPause(false, 0);
    this.draw();
  }

  clear() {
    this.rows.clear();
    this.resume();
  }

  scrolled() {
    if (this.element.scrollTop > ROW_PX) this.pause();
    else if (this.element.scrollTop === 0 && this.paused && !this.held && !this.hasSelection()) this.resume();
    this.draw();
  }

  hasSelection() {
    const s = document.getSelection();
    return Boolean(s && !s.isCollapsed && this.element.contains(s.anchorNode));
  }

  selected() {
    if (!this.paused && this.hasSelection()) this.pause();
  }

  later() {
    if (this.timer || this.paused) return;
    const wait = Math.max(0, DRAW_MS - (performance.now() - (this.drawnAt ?? -DRAW_MS)));
    this.timer = setTimeout(() => {
      this.timer = null;
      requestAnimationFrame(() => this.draw());
    }, wait);
  }

  makeRow() {
    const cells = this.columns.map((c) => h('div', { role: 'cell', class: `k-${columnKind(c.type)}` }, ''));
    const row = h('div', { class: 'grid-row', role: 'row' }, cells);
    row.cells_ = cells;
    this.body.append(row);
    this.pool.push(row);
    return row;
  }

  draw() {
    this.drawnAt = performance.now();
    this.measure();
    const rows = this.shown();
    const n = rows.length;
    const height = this.element.clientHeight || 400;
    const first = Math.max(0, Math.floor(this.element.scrollTop / ROW_PX) - MARGIN);
    const last = Math.min(n, first + Math.ceil(height / ROW_PX) + 2 * MARGIN);
    this.body.style.height = `${n * ROW_PX}px`;
    for (let i = first; i < last; i += 1) {
      const node = this.pool[i - first] ?? this.makeRow();
      const row = rows[n - 1 - i];
      if (node.at_ !== i) {
        node.at_ = i;
        node.style.transform = `translateY(${i * ROW_PX}px)`;
        node.classList.toggle('odd', i % 2 === 1);
      }
      if (node.row_ === row) continue;
      node.row_ = row;
      for (let c = 0; c < node.cells_.length; c += 1) {
        const value = row[c];
        setText(node.cells_[c], this.texts[c](value));
        node.cells_[c].classList.toggle('null', value === null || value === undefined);
      }
    }
    while (this.pool.length > last - first) this.pool.pop().remove();
    this.element.setAttribute('aria-rowcount', String(n));
  }
}
