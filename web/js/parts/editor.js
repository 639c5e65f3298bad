// SPDX-License-Identifier: MIT
// editor: a textarea for SQL with coloured words behind it, and the server's diagnostics at line and column.

import { h, icon, put, setText } from '../dom.js';
import { offsetOf, placeOf, words } from '../sql.js';

export function colored(text) {
  return words(text).map((w) => (w.kind === 'plain' ? w.text : h('span', { class: `sql-${w.kind}` }, w.text)));
}

export class Editor {
  constructor({ text = '', label = 'SQL', onRun = () => {}, onInput = () => {}, readOnly = false }) {
    this.back = h('pre', { class: 'editor-back', 'aria-hidden': 'true' });
    this.area = h('textarea', {
      class: 'editor-text',
      'aria-label': label,
      spellcheck: 'false',
      autocapitalize: 'off',
      autocomplete: 'off',
      wrap: 'off',
      readonly: readOnly,
      value: text,
    });
    this.place = h('span', { class: 'muted' });
    this.verdict = h('span', { class: 'verdict', role: 'status' });
    this.problems = h('ol', { class: 'problems', hidden: true, 'aria-label': 'Problems' });
    this.element = h(
      'div',
      { class: 'editor' },
      h('div', { class: 'editor-box' }, this.back, this.area),
      h('div', { class: 'editor-status' }, this.place, this.verdict),
      this.problems,
    );
    this.diagnostics = [];
    this.area.addEventListener('input', () => {
      this.diagnostics = [];
      this.say('', '');
      this.problems.hidden = true;
      this.paint();
      onInput();
    });
    this.area.addEventListener('scroll', () => this.follow());
    for (const type of ['keyup', 'click', 'focus']) this.area.addEventListener(type, () => this.showPlace());
    this.area.addEventListener('keydown', (event) => {
      if (event.key === 'Enter' && (event.ctrlKey || event.metaKey)) {
        event.preventDefault();
        onRun();
      }
    });
    this.paint();
    this.showPlace();
  }

  get text() {
    return this.area.value;
  }

  set text(value) {
    this.area.value = value;
    this.paint();
  }

  follow() {
    this.back.scrollTop = this.area.scrollTop;
    this.back.scrollLeft = this.area.scrollLeft;
  }

  showPlace() {
    const { line, column } = placeOf(this.area.value, this.area.selectionStart ?? 0);
    setText(this.place, `Ln ${line}, Col ${column}`);
  }

  // Colours, and a wave under what a diagnostic points at.
  paint() {
    const text = this.area.value;
    const marks = this.diagnostics
      .filter((d) => d.line)
      .map((d) => {
        const from = offsetOf(text, d.line, d.column ?? 1);
        return { from, to: Math.min(text.length, from + Math.max(1, d.length ?? 1)) };
      });
    const out = [];
    let at = 0;
    for (const w of words(text)) {
      let rest = w.text;
      while (rest) {
        const inside = marks.find((m) => at >= m.from && at < m.to);
        const edge = inside ? inside.to : Math.min(...marks.map((m) => (m.from > at ? m.from : Infinity)), Infinity);
        const n = Math.min(rest.length, edge - at);
        const classes = [w.kind === 'plain' ? '' : `sql-${w.kind}`, inside ? 'wrong' : ''].join(' ').trim();
        out.push(classes ? h('span', { class: classes }, rest.slice(0, n)) : rest.slice(0, n));
        rest = rest.slice(n);
        at += n;
      }
    }
    put(this.back, out, '\n');
    this.follow();
  }

  say(text, tone) {
    setText(this.verdict, text);
    this.verdict.className = `verdict ${tone ? `tone-${tone}` : ''}`;
  }

  // The server's diags; an empty list clears.
  show(diagnostics) {
    this.diagnostics = diagnostics;
    this.paint();
    this.problems.hidden = diagnostics.length === 0;
    put(
      this.problems,
      diagnostics.map((d) =>
        h(
          'li',
          { class: d.severity === 'warning' ? 'tone-warn' : 'tone-bad' },
          h(
            'button',
            { class: 'link', onclick: () => this.jump(d) },
            icon(d.severity === 'warning' ? 'warn' : 'bad'),
            d.line ? `Line ${d.line}, column ${d.column}` : 'Whole text',
          ),
          h('span', {}, d.message),
          d.hint ? h('span', { class: 'muted' }, d.hint) : null,
        ),
      ),
    );
  }

  jump(d) {
    const from = offsetOf(this.area.value, d.line ?? 1, d.column ?? 1);
    this.area.focus();
    this.area.setSelectionRange(from, from + Math.max(1, d.length ?? 1));
    this.showPlace();
  }
}
