// SPDX-License-Identifier: MIT
// table: a sortable table whose rows stay in place while their cells change. For lists that fit a page; the live rows
// have grid.js.

import { h, keyed, setAttr, setText } from '../dom.js';

// columns: [{label, num?, text(item) | make() -> {element, set(item)}, sort?(item), title?(item), hint?,
// phone?: false, quiet?: true when the label is for screen readers only}]
// key(item): what tells rows apart. empty: node or text shown when there is nothing.
export class Table {
  constructor({ columns, key, empty = '', label, sortBy = null, descending = false, rowClass = null }) {
    this.columns = columns;
    this.key = key;
    this.sortBy = sortBy;
    this.descending = descending;
    this.rowClass = rowClass;
    this.items = [];
    this.heads = columns.map((c, i) => this.head(c, i));
    this.body = h('tbody', {});
    this.table = h('table', { class: 'data', 'aria-label': label }, h('thead', {}, h('tr', {}, this.heads)), this.body);
    this.empty = h('div', { class: 'empty', hidden: true }, empty);
    this.scroll = h('div', { class: 'table-scroll' }, this.table);
    this.element = h('div', { class: 'table-box' }, this.scroll, this.empty);
    this.showSort();
  }

  head(column, i) {
    const classes = [column.num ? 'num' : '', column.phone === false ? 'wide-only' : ''].join(' ').trim();
    if (!column.sort) {
      const label = column.quiet ? h('span', { class: 'off-screen' }, column.label) : column.label;
      return h('th', { scope: 'col', class: classes || null, title: column.hint }, label);
    }
    return h(
      'th',
      { scope: 'col', class: classes || null },
      h('button', { class: 'sort', title: column.hint, onclick: () => this.sort(i) }, column.label),
    );
  }

  sort(i) {
    if (this.sortBy === i) this.descending = !this.descending;
    else {
      this.sortBy = i;
      this.descending = Boolean(this.columns[i].num);
    }
    this.showSort();
    this.set(this.items);
  }

  showSort() {
    this.heads.forEach((th, i) =>
      setAttr(th, 'aria-sort', this.sortBy === i ? (this.descending ? 'descending' : 'ascending') : null),
    );
  }

  row() {
    const cells = this.columns.map((column) => {
      const td = h('td', {
        class: [column.num ? 'num' : '', column.phone === false ? 'wide-only' : ''].join(' ').trim() || null,
      });
      if (!column.make) return { td, set: (item) => setText(td, column.text(item)), column };
      const part = column.make();
      td.append(part.element);
      return { td, set: (item) => part.set(item), column };
    });
    const tr = h(
      'tr',
      {},
      cells.map((c) => c.td),
    );
    tr.cells_ = cells;
    return tr;
  }

  update(tr, item) {
    if (this.rowClass) setAttr(tr, 'class', this.rowClass(item) || null);
    for (const c of tr.cells_) {
      c.set(item);
      if (c.column.title) setAttr(c.td, 'title', c.column.title(item));
    }
  }

  set(items) {
    this.items = items;
    let shown = items;
    const by = this.sortBy === null ? null : this.columns[this.sortBy].sort;
    if (by) {
      const sign = this.descending ? -1 : 1;
      shown = [...items].sort((a, b) => {
        const x = by(a);
        const y = by(b);
        if (x === y) return 0;
        if (x === null || x === undefined) return 1;
        if (y === null || y === undefined) return -1;
        return x < y ? -sign : sign;
      });
    }
    keyed(
      this.body,
      shown,
      this.key,
      () => this.row(),
      (tr, item) => this.update(tr, item),
    );
    this.scroll.hidden = items.length === 0;
    this.empty.hidden = items.length > 0;
  }
}

// A cell that leads somewhere.
export function linkCell(href, text) {
  return () => {
    const a = h('a', {});
    return {
      element: a,
      set: (item) => {
        setAttr(a, 'href', href(item));
        setText(a, text(item));
      },
    };
  };
}
