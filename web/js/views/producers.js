// SPDX-License-Identifier: MIT
// producers: what fills the topics: start, stop, rate with effect at once, and target against actual.

import * as api from '../api.js';
import { LineChart } from '../charts/line.js';
import { h, put, setText } from '../dom.js';
import { curl, int, si } from '../format.js';
import { button, card, facts, listen, pageHead } from '../parts/bits.js';
import { copyButton } from '../parts/dialog.js';
import { producerTable } from '../parts/lists.js';
import { timeSpan } from '../ring.js';

const TEMPLATES = [
  ['ad_events', 'Ad events: views, clicks and purchases of 1,000 ads'],
  ['clickstream', 'Clickstream: requests of 5,000 users'],
  ['iot_sensors', 'Sensors: temperature and humidity of 1,000 devices'],
  ['trades', 'Trades: 500 symbols'],
];

// [key, label, type, value, hint, attributes]
const FIELDS = [
  [
    'name',
    'Name',
    'text',
    '',
    'Lower-case letters, digits, - and _',
    { required: true, pattern: '[a-z0-9][a-z0-9_\\-]{0,62}' },
  ],
  ['bootstrap_servers', 'Kafka at', 'text', 'localhost:9092', '', { required: true }],
  ['topic', 'Topic', 'text', '', 'Made when it is not there', { required: true }],
  ['rate', 'Rate, records/s', 'number', 1000, '0: as fast as possible', { min: 0, step: 'any' }],
  ['late_pct', 'Late, %', 'number', 1, 'Event time moved back by up to a minute', { min: 0, max: 100, step: 'any' }],
  ['malformed_pct', 'Malformed, %', 'number', 0.1, 'Nine kinds of broken, in turn', { min: 0, max: 100, step: 'any' }],
  ['skew', 'Key skew', 'number', 0, 'Zipf exponent; 0 uniform', { min: 0, max: 5, step: 'any' }],
  ['partitions', 'Partitions', 'number', 4, 'Of a topic that is made', { min: 1, max: 1000 }],
];

function field([key, label, type, value, hint, attributes]) {
  const input = h('input', {
    type,
    id: `p-${key}`,
    name: key,
    value,
    autocomplete: 'off',
    spellcheck: 'false',
    ...attributes,
    'aria-describedby': hint ? `p-${key}-hint` : null,
  });
  return h(
    'div',
    { class: 'field' },
    h('label', { for: `p-${key}` }, label),
    input,
    hint ? h('small', { id: `p-${key}-hint`, class: 'muted' }, hint) : null,
  );
}

function newForm(store, close) {
  const problem = h('p', { class: 'form-problem tone-bad', role: 'alert' });
  const template = h(
    'select',
    { id: 'p-template', name: 'template' },
    TEMPLATES.map(([v, text]) => h('option', { value: v }, text)),
  );
  const read = () => {
    const out = { template: template.value };
    for (const [key, , type] of FIELDS) {
      const value = form.elements[key].value;
      if (value !== '') out[key] = type === 'number' ? Number(value) : value;
    }
    return out;
  };
  // Where another one sends is where a new one will: localhost is a guess.
  const near = store.producers[0]?.bootstrap_servers;
  const form = h(
    'form',
    {
      class: 'form',
      onsubmit: async (event) => {
        event.preventDefault();
        setText(problem, '');
        try {
          await api.post('/producers', read());
          store.toast(`${form.elements.name.value} is created and starts`);
          close();
        } catch (p) {
          setText(problem, `${p.message} ${p.hint}`);
        }
      },
    },
    h(
      'div',
      { class: 'form-grid' },
      field(FIELDS[0]),
      h('div', { class: 'field' }, h('label', { for: 'p-template' }, 'What it makes'), template),
      FIELDS.slice(1).map((f) => field(f[0] === 'bootstrap_servers' && near ? f.with(3, near) : f)),
    ),
    problem,
    h(
      'div',
      { class: 'row end' },
      copyButton(() => curl(location.origin, 'POST', '/producers', read()), 'Copy as curl'),
      button('Cancel', null, close),
      h('button', { class: 'primary', type: 'submit' }, 'Create and start'),
    ),
  );
  return form;
}

class Producers {
  constructor(element, store, route) {
    this.store = store;
    this.table = producerTable(store, { onOpen: (name) => this.open(name) });
    this.form = h('div', { hidden: true });
    this.count = h('p', { class: 'muted' });
    this.chart = new LineChart({
      title: 'Target and actual rate',
      format: (y) => `${si(y)}/s`,
      tick: si,
      zone: () => store.prefs.zone,
      least: 10,
      series: [
        { key: 'actual', label: 'actual', fill: true },
        { key: 'target', label: 'target', dash: true, color: 1 },
      ],
    });
    this.which = h('select', { 'aria-label': 'Producer of the chart', onchange: () => this.open(this.which.value) });
    this.facts = facts([
      ['Sent', 'sent'],
      ['Acknowledged', 'acked', 'by the broker'],
      ['In flight', 'flight', 'sent and not yet acknowledged'],
      ['Failed', 'failed'],
      ['Topic', 'topic'],
      ['Broker', 'broker'],
      ['Template', 'template'],
      ['Seed', 'seed'],
    ]);
    this.detail = h(
      'div',
      { class: 'grid-2 unequal' },
      this.chart.element,
      card(h('div', { class: 'row' }, h('h2', {}, 'Producer'), this.which), this.facts.element),
    );
    element.append(
      h(
        'div',
        { class: 'page' },
        pageHead(
          'Producers',
          this.count,
          h('button', { class: 'primary', type: 'button', onclick: () => this.showForm(true) }, 'New producer'),
        ),
        this.form,
        card(null, this.table.element),
        this.detail,
      ),
    );
    this.stop = listen(store, { status: () => this.status(), prefs: () => this.draw() });
    this.status();
    this.update(route);
  }

  update(route) {
    if (route.params.new) this.showForm(true);
  }

  showForm(on) {
    this.form.hidden = !on;
    if (!on) {
      put(this.form);
      if (location.hash.includes('?')) history.replaceState(null, '', '#/producers');
      return;
    }
    put(
      this.form,
      card(
        'New producer',
        newForm(this.store, () => this.showForm(false)),
      ),
    );
    this.form.querySelector('input').focus();
  }

  open(name) {
    this.name = name;
    this.status();
  }

  status() {
    const { store } = this;
    const list = store.producers;
    setText(
      this.count,
      store.known
        ? `${list.filter((p) => p.state === 'running').length} of ${int(list.length)} running`
        : 'Waiting for the first status',
    );
    if (store.known) this.table.set(list);
    if (!store.producer(this.name)) this.name = list[0]?.name;
    this.detail.hidden = !this.name;
    if (!this.name) return;
    if ([...this.which.options].map((o) => o.value).join() !== list.map((p) => p.name).join()) {
      put(
        this.which,
        list.map((p) => h('option', { value: p.name }, p.name)),
      );
    }
    this.which.value = this.name;
    const p = store.producer(this.name);
    this.facts.set({
      sent: int(p.sent),
      acked: int(p.acked),
      flight: int(Math.max(0, p.sent - p.acked - p.failed)),
      failed: int(p.failed),
      topic: p.topic,
      broker: p.bootstrap_servers,
      template: p.template ?? '–',
      seed: p.seed ?? '–',
    });
    this.draw();
  }

  draw() {
    const ring = this.store.rates.get(this.name);
    if (!ring?.size || this.store.paused) return;
    const { from, to } = timeSpan([ring], this.store.prefs.range * 1000);
    this.chart.set({ actual: ring.points('actual', from, 3000), target: ring.points('target', from, 3000) }, from, to);
  }

  unmount() {
    this.stop();
    this.chart.destroy();
  }
}

export function mount(element, store, route) {
  const view = new Producers(element, store, route);
  return { update: (r) => view.update(r), unmount: () => view.unmount() };
}
