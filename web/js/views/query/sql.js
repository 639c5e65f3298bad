// SPDX-License-Identifier: MIT
// sql: the text of a query; edit, check, and save with the server's verdict on its state.

import * as api from '../../api.js';
import { h, put, setText } from '../../dom.js';
import { ago, curl } from '../../format.js';
import { button, facts, load } from '../../parts/bits.js';
import { confirmName, copyButton } from '../../parts/dialog.js';
import { Editor } from '../../parts/editor.js';

class Sql {
  constructor(element, store, name) {
    this.store = store;
    this.name = name;
    this.place = h('div', {});
    element.append(this.place);
    this.fetch();
  }

  fetch() {
    load(
      this.place,
      api.get(`/queries/${api.seg(this.name)}`),
      (q) => this.make(q),
      () => this.fetch(),
    );
  }

  make(q) {
    this.q = q;
    this.etag = q.etag;
    this.editor = new Editor({
      text: q.sql,
      label: `SQL of ${this.name}`,
      onRun: () => this.check(),
      onInput: () => this.changed(),
      readOnly: this.store.viewer,
    });
    this.save = h(
      'button',
      { class: 'primary', type: 'button', disabled: true, onclick: () => this.store_() },
      'Save and restart',
    );
    this.verdict = h('div', { class: 'notice', hidden: true, role: 'status' });
    const f = facts([
      ['Table', 'table'],
      ['Generation', 'generation', 'one more after each reset'],
      ['Created', 'created'],
      ['Changed', 'updated'],
      ['Parameters', 'params'],
      ['Tags', 'tags'],
    ]);
    const now = this.store.now();
    f.set({
      table: q.table ?? '–',
      generation: q.generation ?? '–',
      created: [ago(q.created_at, now), q.created_at],
      updated: [ago(q.updated_at, now), q.updated_at],
      params:
        Object.entries(q.params ?? {})
          .map(([k, v]) => `${k} = ${v}`)
          .join(', ') || 'none',
      tags: (q.tags ?? []).join(', ') || 'none',
    });
    return h(
      'div',
      { class: 'stack' },
      this.verdict,
      h(
        'section',
        { class: 'card' },
        this.editor.element,
        h(
          'footer',
          { class: 'row bar' },
          button('Check', 'ok', () => this.check()),
          this.save,
          button('Undo', null, () => this.undo()),
          h('span', { class: 'grow' }),
          copyButton(() => this.editor.text, 'Copy SQL'),
          copyButton(() => curl(location.origin, 'PUT', `/queries/${this.name}`, this.body()), 'Copy as curl'),
        ),
      ),
      h('section', { class: 'card' }, f.element),
    );
  }

  body() {
    return { name: this.name, sql: this.editor.text, params: this.q.params ?? {}, tags: this.q.tags ?? [] };
  }

  changed() {
    this.save.disabled = this.editor.text === this.q.sql || this.store.viewer;
  }

  undo() {
    this.editor.text = this.q.sql;
    this.editor.show([]);
    this.editor.say('', '');
    this.changed();
  }

  async check() {
    try {
      const answer = await api.post('/sql/validate', { sql: this.editor.text, params: this.q.params ?? {} });
      this.editor.show(answer.errors ?? []);
      this.editor.say(answer.valid ? 'Valid' : '', 'ok');
      return answer.valid;
    } catch (problem) {
      this.editor.say(problem.said, 'bad');
      return false;
    }
  }

  tell(text, tone) {
    this.verdict.hidden = false;
    this.verdict.className = `notice tone-${tone}`;
    setText(this.verdict, text);
  }

  async store_(query = '') {
    if (!(await this.check())) return;
    try {
      const q = await api.put(`/queries/${api.seg(this.name)}${query}`, this.body(), {
        headers: this.etag ? { 'If-Match': this.etag } : {},
      });
      this.tell(
        q.compatibility === 'state_dropped'
          ? 'Saved. The state was dropped: it starts from its starting offsets.'
          : 'Saved. The state is kept: it goes on where it was.',
        'ok',
      );
      put(this.place, this.verdict, this.make(q));
      this.tell(this.verdict.textContent || 'Saved.', 'ok');
    } catch (problem) {
      if (problem.errors.length) this.editor.show(problem.errors);
      if (problem.code === 'incompatible_state') {
        const yes = await confirmName({
          title: 'This change loses the state',
          name: this.name,
          action: 'Drop the state and save',
          consequences: [
            problem.message,
            'Open windows are forgotten; it reads again from its starting offsets.',
            'Rows that are in the table already may be written again.',
          ],
        });
        if (yes) this.store_('?on_incompatible=reset');
        return;
      }
      this.tell(
        problem.status === 412
          ? 'Somebody else has changed this query meanwhile. Copy your text, then look at theirs.'
          : problem.said,
        'bad',
      );
    }
  }
}

export function mount(element, store, name) {
  new Sql(element, store, name);
  return { unmount() {} };
}
