// SPDX-License-Identifier: MIT
// query: one query; its tabs are the files of query/. A tab is mount(element, store, name) -> {status?(q), unmount()}.

import { h, put, setAttr, setText } from '../dom.js';
import { ago, int, rate, si } from '../format.js';
import { queryActions } from '../parts/actions.js';
import { emptyState, listen } from '../parts/bits.js';
import { newQueryLink } from '../parts/lists.js';
import { makeState } from '../parts/state.js';
import * as commits from './query/commits.js';
import * as errors from './query/errors.js';
import * as health from './query/health.js';
import * as live from './query/live.js';
import * as plan from './query/plan.js';
import * as sql from './query/sql.js';

const TABS = {
  live: ['Live', live],
  health: ['Health', health],
  commits: ['Commits', commits],
  errors: ['Errors', errors],
  plan: ['Plan', plan],
  sql: ['SQL', sql],
};

class Query {
  constructor(element, store, route) {
    this.store = store;
    this.name = route.path[1];
    this.state = makeState();
    this.line = h('p', { class: 'muted head-line' });
    this.actions = queryActions(store, this.name);
    this.tabs = h(
      'div',
      { class: 'tabs', role: 'tablist', 'aria-label': 'Parts of the query' },
      Object.entries(TABS).map(([key, [label]]) =>
        h(
          'button',
          {
            role: 'tab',
            id: `tab-${key}`,
            'aria-controls': 'panel',
            onclick: () => this.go(key),
            onkeydown: (e) => this.key(e),
          },
          label,
        ),
      ),
    );
    this.trouble = h('div', { class: 'notice tone-bad', hidden: true });
    this.panel = h('div', { id: 'panel', role: 'tabpanel' });
    this.missing = emptyState(
      'queries',
      `There is no query ${this.name}`,
      'It may have been deleted.',
      newQueryLink(),
      h('a', { class: 'button', href: '#/queries' }, 'All queries'),
    );
    this.missing.hidden = true;
    this.body = h('div', {}, this.trouble, this.tabs, this.panel);
    element.append(
      h(
        'div',
        { class: 'page' },
        h(
          'div',
          { class: 'page-head' },
          h('div', {}, h('div', { class: 'row' }, h('h1', {}, this.name), this.state.element), this.line),
          this.actions.element,
        ),
        this.missing,
        this.body,
      ),
    );
    this.stop = listen(store, { status: () => this.status(), connection: () => this.status() });
    this.status();
    this.update(route);
  }

  go(tab) {
    location.hash = `#/queries/${encodeURIComponent(this.name)}?tab=${tab}`;
  }

  key(event) {
    const keys = Object.keys(TABS);
    const step = { ArrowRight: 1, ArrowLeft: -1 }[event.key];
    if (!step) return;
    const next = keys[(keys.indexOf(this.tab) + step + keys.length) % keys.length];
    this.go(next);
    document.getElementById(`tab-${next}`).focus();
  }

  update(route) {
    const tab = TABS[route.params.tab] ? route.params.tab : 'live';
    if (tab === this.tab) return;
    this.tab = tab;
    this.view?.unmount();
    for (const b of this.tabs.children) {
      const on = b.id === `tab-${tab}`;
      setAttr(b, 'aria-selected', String(on));
      setAttr(b, 'tabindex', on ? null : '-1');
    }
    setAttr(this.panel, 'aria-labelledby', `tab-${tab}`);
    put(this.panel);
    this.view = TABS[tab][1].mount(this.panel, this.store, this.name);
    this.status();
  }

  status() {
    const q = this.store.query(this.name);
    const gone = this.store.known && !q;
    this.missing.hidden = !gone;
    this.body.hidden = gone;
    this.actions.element.hidden = !q;
    if (!q) return;
    this.state.set(q);
    this.actions.set(q);
    setText(
      this.line,
      [
        `${rate(q.records_per_s, ' records')} in, ${rate(q.out_per_s, ' rows')} out`,
        `lag ${si(q.lag)}`,
        q.version === null
          ? 'nothing written yet'
          : `version ${int(q.version)}, committed ${ago(q.last_commit_at, this.store.now())}`,
      ].join(' · '),
    );
    setAttr(this.line, 'title', `since ${q.since}`);
    const error =
      q.error?.text ?? (q.brokers?.connected === false ? `Broker: ${q.brokers.error || 'not connected'}` : '');
    this.trouble.hidden = !error;
    if (error)
      setText(
        this.trouble,
        q.state === 'waiting' && q.next_try_at
          ? `${error} It tries again ${ago(q.next_try_at, this.store.now())} (${int(q.restarts)} so far).`
          : error,
      );
    this.view?.status?.(q);
  }

  unmount() {
    this.stop();
    this.view?.unmount();
  }
}

export function mount(element, store, route) {
  const view = new Query(element, store, route);
  return { update: (r) => view.update(r), unmount: () => view.unmount() };
}
