// SPDX-License-Identifier: MIT
// live: the rows as they are committed, a picture chosen from the schema beside the virtualised table.

import { LineChart } from '../../charts/line.js';
import { bars, choose, columnKind, lines } from '../../charts/result.js';
import { h, keyed, put, setAttr, setText, setVar } from '../../dom.js';
import { csv, curl, int, ndjson, plural, si, span, stamp } from '../../format.js';
import { button, emptyState, listen } from '../../parts/bits.js';
import { copyButton, download } from '../../parts/dialog.js';
import { Grid } from '../../parts/grid.js';

const KEEP = 10000;
const PICTURE_MS = 500;

class Live {
  constructor(element, store, name) {
    this.store = store;
    this.name = name;
    this.columns = [];
    this.total = 0;
    this.sampled = 1;
    this.arrived = []; // [performance time, rows] of the last seconds
    this.grid = new Grid({
      capacity: KEEP,
      zone: () => store.prefs.zone,
      label: `Rows of ${name}`,
      onPause: (paused, waiting) => this.showPause(paused, waiting),
    });
    this.pill = h('button', { class: 'pill tone-warn resume', hidden: true, onclick: () => this.grid.resume() });
    this.makePicture();
    this.note = h('span', { class: 'muted' });
    this.pauseWord = h('span', {}, 'Pause');
    this.pause = h(
      'button',
      { class: 'quiet small', onclick: () => (this.grid.paused ? this.grid.resume() : this.grid.pause(true)) },
      this.pauseWord,
    );
    this.empty = h('div', { class: 'live-empty', hidden: true });
    element.append(
      h(
        'div',
        { class: 'live' },
        this.picture,
        h(
          'section',
          { class: 'card live-rows' },
          h('div', { class: 'grid-holder' }, this.grid.element, this.pill, this.empty),
          h(
            'footer',
            { class: 'row bar' },
            this.pause,
            button('Clear', null, () => this.clear(), { class: 'quiet small' }),
            this.note,
            h('span', { class: 'grow' }),
            button('CSV', 'download', () => this.save('csv'), {
              class: 'quiet small',
              'aria-label': 'Export the rows shown as CSV',
            }),
            button('NDJSON', 'download', () => this.save('ndjson'), {
              class: 'quiet small',
              'aria-label': 'Export the rows shown as NDJSON',
            }),
            copyButton(
              () => curl(location.origin, 'GET', `/queries/${name}/stream?format=ndjson`).replace('-s', '-sN'),
              'Copy as curl',
            ),
          ),
        ),
      ),
    );
    this.sub = store.socket.subscribe({
      channel: 'rows',
      params: { query: name },
      maxHz: 10,
      maxRows: KEEP,
      onData: (type, data) => this.got(type, data),
      onState: (m) => {
        this.subState = m;
        this.showEmpty();
      },
      onError: (problem) => {
        this.problem = problem;
        this.showEmpty();
      },
    });
    this.stop = listen(store, {
      pause: () => (store.paused ? this.grid.pause(true) : this.grid.resume()),
      prefs: () => this.later(),
    });
    this.tick = setInterval(() => this.showNote(), 500);
  }

  makePicture() {
    const select = (label, key) => {
      const node = h('select', {
        'aria-label': label,
        onchange: () => {
          this.touched = true;
          this.choice[key] = node.value || null;
          this.chart.refit();
          this.later();
        },
      });
      return node;
    };
    this.kind = h(
      'div',
      { class: 'segments small', role: 'group', 'aria-label': 'Picture' },
      [
        ['lines', 'Lines'],
        ['bars', 'Top'],
      ].map(([kind, label]) =>
        h(
          'button',
          {
            'data-kind': kind,
            onclick: () => {
              this.touched = true;
              this.choice.kind = kind;
              this.later();
            },
          },
          label,
        ),
      ),
    );
    this.x = select('Time', 'x');
    this.y = select('Value', 'y');
    this.s = select('One line per', 'series');
    this.chart = new LineChart({
      title: 'Result',
      format: si,
      tick: si,
      zone: () => this.store.prefs.zone,
      dots: true,
      tall: true,
      series: [],
    });
    this.barList = h('ol', { class: 'top-bars', hidden: true });
    this.when = h('p', { class: 'muted small', hidden: true });
    this.picture = h('div', { class: 'live-picture', hidden: true }, this.chart.element);
    this.chart.element
      .querySelector('header')
      .after(
        h(
          'div',
          { class: 'row wrap choices' },
          this.kind,
          this.y,
          h('span', { class: 'muted' }, 'by'),
          this.s,
          h('span', { class: 'muted at-word' }, 'over'),
          this.x,
        ),
      );
    this.chart.plot.after(this.when, this.barList);
  }

  got(type, data) {
    if (type === 'snap') {
      this.columns = data.columns;
      this.setChoices(data.rows);
      this.grid.reset(data.columns, data.rows);
    } else {
      this.grid.append(data.rows);
      if (!this.touched) this.setChoices(this.grid.rows.rows);
    }
    const now = performance.now();
    if (type === 'delta') this.arrived.push([now, data.rows.length * (data.sampled ?? 1)]);
    while (this.arrived.length && now - this.arrived[0][0] > 5000) this.arrived.shift();
    this.total = data.total ?? this.total + data.rows.length;
    this.sampled = data.sampled ?? 1;
    this.showEmpty();
    this.later();
  }

  // Once more when the first rows are there: their values tell groups from names.
  setChoices(rows) {
    const key = `${JSON.stringify(this.columns)} ${rows.length >= 30}`;
    if (key === this.choiceFor) return;
    this.choiceFor = key;
    this.choice = choose(this.columns, rows);
    const names = (kinds) => this.columns.filter((c) => kinds.includes(columnKind(c.type))).map((c) => c.name);
    const fill = (node, list, value, none) => {
      put(
        node,
        none ? h('option', { value: '' }, none) : null,
        list.map((n) => h('option', { value: n }, n)),
      );
      node.value = value ?? '';
    };
    fill(this.x, names(['time']), this.choice.x);
    fill(this.y, names(['number']), this.choice.y, 'rows, counted');
    fill(this.s, names(['text', 'number']), this.choice.series, 'all in one');
  }

  later() {
    if (this.timer || !this.choice || this.choice.kind === 'none') return;
    const wait = Math.max(0, PICTURE_MS - (performance.now() - (this.paintedAt ?? -PICTURE_MS)));
    this.timer = setTimeout(() => {
      this.timer = null;
      this.paintedAt = performance.now();
      this.paint();
    }, wait);
  }

  paint() {
    const { choice, columns } = this;
    const rows = this.grid.shown();
    const over = choice.kind === 'lines' && choice.x;
    for (const b of this.kind.children) {
      setAttr(b, 'aria-pressed', String(b.dataset.kind === (over ? 'lines' : 'bars')));
      b.disabled = b.dataset.kind === 'lines' && !choice.x;
    }
    // With one column of time there is nothing to choose.
    const fixed = !over || this.x.options.length < 2;
    this.x.hidden = fixed;
    this.picture.querySelector('.at-word').hidden = fixed;
    this.chart.plot.hidden = !over;
    this.chart.legend.hidden = !over;
    this.chart.tableButton.hidden = !over;
    this.barList.hidden = Boolean(over);
    this.when.hidden = Boolean(over);
    if (over) {
      // The newest part of what is kept is enough for a picture; ten thousand rows are not walked twice a second.
      const recent = rows.length > 4000 ? rows.slice(-4000) : rows;
      const { names, data, others } = lines(columns, recent, choice);
      this.chart.setSeries(names.map((n, i) => ({ key: n, label: n, color: i })));
      let from = Infinity;
      let to = -Infinity;
      for (const n of names) {
        from = Math.min(from, data[n][0].x);
        to = Math.max(to, data[n].at(-1).x);
      }
      if (to === from) from -= 60000;
      setAttr(this.chart.legend, 'title', others ? `and ${others} more, with smaller totals` : null);
      if (names.length) this.chart.set(data, from, to);
      return;
    }
    const { when, items, others } = bars(columns, rows.slice(-4000), choice);
    const most = items[0]?.value || 1;
    setText(
      this.when,
      [
        when === null ? 'The newest value of each' : `${choice.x} ${stamp(when, this.store.prefs.zone)}`,
        others ? `and ${others} more` : '',
      ]
        .filter(Boolean)
        .join(' · '),
    );
    keyed(
      this.barList,
      items,
      (i) => i.name,
      () => {
        const name = h('span', {});
        const value = h('b', {});
        const bar = h('i', {});
        const li = h('li', {}, name, bar, value);
        li.set_ = (i) => {
          setText(name, i.name);
          setText(value, si(i.value));
          setAttr(value, 'title', String(i.value));
          setVar(bar, '--w', String(Math.max(0, i.value / most)));
        };
        return li;
      },
      (li, i) => li.set_(i),
    );
  }

  showNote() {
    const recent = this.arrived.filter(([t]) => performance.now() - t < 5000);
    const rate = recent.reduce((n, [, rows]) => n + rows, 0) / 5;
    const kept = this.grid.rows.rows.length;
    const cap = this.total > kept && kept ? `newest ${int(kept)} of ${int(this.total)}` : plural(kept, 'row');
    setText(this.note, `${cap} · ${si(rate)} rows/s${this.sampled > 1 ? ` · 1 of ${int(this.sampled)} shown` : ''}`);
  }

  showPause(paused, waiting) {
    this.pill.hidden = !paused;
    setText(this.pill, waiting ? `Paused · ${int(waiting)} new rows · Resume` : 'Paused · Resume');
    setText(this.pauseWord, paused ? 'Resume' : 'Pause');
    if (!paused) this.later();
  }

  clear() {
    this.grid.clear();
    this.showEmpty();
  }

  status(q) {
    this.q = q;
    this.showEmpty();
  }

  showEmpty() {
    const none = this.grid.rows.rows.length === 0;
    this.empty.hidden = !none;
    this.picture.hidden = none || !this.choice || this.choice.kind === 'none';
    if (!none) return;
    const q = this.q;
    const [title, text] = this.problem
      ? ['No rows can be shown', this.problem.detail ?? this.problem.title]
      : !q
        ? ['Waiting for the server', 'The rows come with the connection.']
        : q.state === 'stopped' || q.state === 'created'
          ? ['The query is stopped', 'Start it to see its rows. What it has written is in the table.']
          : q.state === 'failed'
            ? ['The query has failed', q.error?.text ?? q.reason]
            : [
                'No row since you looked',
                q.why_nothing ||
                  (q.next_window_end
                    ? `The next window closes at ${stamp(q.next_window_end, this.store.prefs.zone)} of event time.`
                    : `Its trigger fires every ${span(q.trigger_ms)}.`),
              ];
    if (this.emptyKey === title + text) return;
    this.emptyKey = title + text;
    put(
      this.empty,
      emptyState(
        'tables',
        title,
        text,
        h('a', { class: 'button', href: `#/queries/${this.name}?tab=health` }, 'Why is nothing coming out?'),
      ),
    );
  }

  save(format) {
    const rows = this.grid.shown();
    if (format === 'csv') download(`${this.name}.csv`, 'text/csv', csv(this.columns, rows));
    else download(`${this.name}.ndjson`, 'application/x-ndjson', ndjson(this.columns, rows));
    this.store.toast(`${int(rows.length)} rows are saved. The whole table: millrace dump ${this.name}`);
  }

  unmount() {
    this.stop();
    clearInterval(this.tick);
    clearTimeout(this.timer);
    this.sub.close();
    this.grid.destroy();
    this.chart.destroy();
  }
}

export function mount(element, store, name) {
  const view = new Live(element, store, name);
  return { status: (q) => view.status(q), unmount: () => view.unmount() };
}
