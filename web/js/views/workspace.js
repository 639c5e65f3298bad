// SPDX-License-Identifier: MIT
// workspace: a new query: write, check, see the plan, see rows before anything is written, create.

import * as api from '../api.js';
import { h, put, setAttr, setText } from '../dom.js';
import { curl, int, plural } from '../format.js';
import { button, emptyState, load, pageHead } from '../parts/bits.js';
import { copyButton } from '../parts/dialog.js';
import { Editor } from '../parts/editor.js';
import { demoSql } from '../parts/first_run.js';
import { Grid } from '../parts/grid.js';
import { planTree } from '../parts/plan_tree.js';

const KEY = 'millrace-draft';
const NAME = /^[a-z0-9][a-z0-9_-]{0,62}$/;

export function tableName(sql) {
  const found = /create\s+(?:or\s+refresh\s+)?streaming\s+table\s+(?:if\s+not\s+exists\s+)?[`"]?([\w.]+)/i.exec(sql);
  const name = found?.[1].split('.').at(-1).toLowerCase() ?? '';
  return NAME.test(name) ? name : '';
}

class Workspace {
  constructor(element, store) {
    this.store = store;
    let draft = '';
    try {
      draft = localStorage.getItem(KEY) ?? '';
    } catch {
      // No storage, no draft.
    }
    const made = store.producers.find((p) => p.template === 'ad_events'); // something to read, when it is there
    this.editor = new Editor({
      text: draft || demoSql(made?.bootstrap_servers ?? 'localhost:9092', made?.topic),
      label: 'SQL of the new query',
      onRun: () => this.check(),
      onInput: () => this.changed(),
    });
    this.nameField = h('input', {
      type: 'text',
      id: 'query-name',
      autocomplete: 'off',
      spellcheck: 'false',
      placeholder: 'the table’s name',
      oninput: () => {
        this.named = true;
      },
    });
    this.problem = h('p', { class: 'form-problem tone-bad', role: 'alert' });
    this.output = h(
      'div',
      { class: 'workspace-out' },
      emptyState(
        'queries',
        'Check, explain or preview',
        'The plan and the rows of a preview show here. Nothing is written before you create the query.',
      ),
    );
    const primary = h('button', { class: 'primary', type: 'button', onclick: () => this.create() }, 'Create and start');
    element.append(
      h(
        'div',
        { class: 'page' },
        pageHead('New query', 'One CREATE STREAMING TABLE in Spark’s SQL. Ctrl-Enter checks it.'),
        h(
          'div',
          { class: 'workspace' },
          h(
            'section',
            { class: 'card' },
            this.editor.element,
            this.problem,
            h(
              'footer',
              { class: 'row bar wrap' },
              button('Check', 'ok', () => this.check()),
              button('Explain', 'queries', () => this.explain()),
              button('Preview', 'play', () => this.preview()),
              h('span', { class: 'grow' }),
              h(
                'div',
                { class: 'row wrap' },
                h('label', { for: 'query-name' }, 'Name'),
                this.nameField,
                copyButton(() => curl(location.origin, 'POST', '/queries', this.body()), 'curl'),
                primary,
              ),
            ),
          ),
          h('section', { class: 'card' }, this.output),
        ),
      ),
    );
    setAttr(primary, 'aria-disabled', store.viewer ? 'true' : null);
    this.changed();
  }

  changed() {
    if (!this.named) this.nameField.value = tableName(this.editor.text);
    try {
      localStorage.setItem(KEY, this.editor.text);
    } catch {
      // No storage, no draft.
    }
  }

  body() {
    return { name: this.nameField.value || tableName(this.editor.text), sql: this.editor.text };
  }

  async check() {
    setText(this.problem, '');
    try {
      const answer = await api.post('/sql/validate', { sql: this.editor.text });
      this.editor.show(answer.errors ?? []);
      const t = answer.tables?.[0];
      this.editor.say(
        answer.valid
          ? `Valid${t ? `: ${plural(t.columns.length, 'column')}` : ''}`
          : plural(answer.errors.length, 'problem'),
        answer.valid ? 'ok' : 'bad',
      );
      return answer.valid;
    } catch (problem) {
      this.editor.say(problem.said, 'bad');
      return false;
    }
  }

  async explain() {
    if (!(await this.check())) return;
    this.halt();
    load(
      this.output,
      api.post('/sql/explain', { sql: this.editor.text }),
      (plan) => h('div', { class: 'pad' }, planTree(plan)),
      () => this.explain(),
    );
  }

  async preview() {
    if (!(await this.check())) return;
    this.halt();
    const abort = new AbortController();
    const grid = new Grid({ capacity: 1000, zone: () => this.store.prefs.zone, label: 'Rows of the preview' });
    this.running = { abort, grid };
    const said = h('span', { class: 'muted', role: 'status' }, 'Reading…');
    const stop = button('Stop', 'stop', () => abort.abort(), { class: 'quiet small' });
    put(
      this.output,
      h('div', { class: 'grid-holder' }, grid.element),
      h(
        'footer',
        { class: 'row bar' },
        said,
        h('span', { class: 'grow' }),
        stop,
      ),
    );
    let n = 0;
    try {
      await api.lines(
        '/sql/preview',
        { sql: this.editor.text, max_rows: 100, timeout: '20s' },
        (line) => {
          if (line.columns) grid.reset(line.columns, []);
          else if (line.error) throw new api.Problem(line.error, line.error.status);
          else if (Array.isArray(line)) {
            n += 1;
            grid.append([line]);
          }
          setText(said, `${int(n)} rows; nothing is written`);
        },
        abort.signal,
      );
      setText(
        said,
        n
          ? `${int(n)} rows; nothing was written`
          : 'No row within 20 s: the topic may be empty, or no window has closed yet.',
      );
    } catch (problem) {
      setText(said, problem.name === 'AbortError' ? `Stopped after ${int(n)} rows` : (problem.said ?? problem.message));
    }
    stop.remove();
  }

  halt() {
    this.running?.abort.abort();
    this.running?.grid.destroy();
    this.running = null;
  }

  async create() {
    if (this.store.viewer) return;
    setText(this.problem, '');
    const body = this.body();
    if (!NAME.test(body.name)) {
      setText(this.problem, 'The query needs a name: lower-case letters, digits, - and _, as the table’s.');
      this.nameField.focus();
      return;
    }
    if (!(await this.check())) return;
    try {
      await api.post('/queries', body);
      localStorage.removeItem(KEY);
      location.hash = `#/queries/${body.name}`;
    } catch (problem) {
      if (problem.errors?.length) this.editor.show(problem.errors);
      setText(this.problem, problem.said);
    }
  }

  unmount() {
    this.halt();
  }
}

export function mount(element, store) {
  const view = new Workspace(element, store);
  return { unmount: () => view.unmount() };
}
