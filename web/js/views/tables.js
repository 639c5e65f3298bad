// SPDX-License-Identifier: MIT
// tables: the Delta tables: health, history, schema, a look at the rows, and how to read them elsewhere.

import * as api from '../api.js';
import { h, icon, put, setAttr, setText } from '../dom.js';
import { ago, bytes, cell, curl, int, percent, plural, stamp } from '../format.js';
import { button, card, emptyState, facts, load, pageHead } from '../parts/bits.js';
import { code, copyButton } from '../parts/dialog.js';
import { columnKind } from '../charts/result.js';
import { Table, linkCell } from '../parts/table.js';

const POLL_MS = 5000;

export const READERS = {
  Polars: (t) => `import polars as pl\n\ndf = pl.read_delta("${t.path}")`,
  DuckDB: (t) => `INSTALL delta; LOAD delta;\nSELECT * FROM delta_scan('${t.path}') LIMIT 100;`,
  pandas: (t) => `from deltalake import DeltaTable\n\ndf = DeltaTable("${t.path}").to_pandas()`,
  deltalake: (t) =>
    `from deltalake import DeltaTable, QueryBuilder\n\nt = DeltaTable("${t.path}")\n` +
    `q = QueryBuilder().register("t", t)\nprint(t.version(), q.execute("SELECT count(*) FROM t").read_all())`,
  Spark: (t) => `df = spark.read.format("delta").load("${t.path}")\ndf.show()`,
  Shell: (t) => `millrace dump ${t.name} --format csv > ${t.name}.csv`,
};

// Log-scaled buckets of file sizes: [{label, n}].
export function sizeBuckets(files) {
  const edges = [
    ['< 64 KiB', 65536],
    ['< 1 MiB', 1048576],
    ['< 16 MiB', 16777216],
    ['< 128 MiB', 134217728],
    ['larger', Infinity],
  ];
  const out = edges.map(([label]) => ({ label, n: 0 }));
  for (const f of files) out[edges.findIndex(([, edge]) => f.bytes < edge)].n += 1;
  return out;
}

export function judge(t) {
  const share = t.files ? t.small_files / t.files : 0;
  const out = [];
  if (t.files > 50 && share > 0.5)
    out.push(
      `${percent(share, 0)} of the files are small. A longer trigger makes fewer and larger ones; ` +
        'OPTIMIZE in Spark or deltalake joins those that are there.',
    );
  if (t.log_versions > 100)
    out.push(`The log has ${int(t.log_versions)} versions without a checkpoint: readers open each of them.`);
  return out;
}

function readers(t) {
  const place = h('div', {});
  const names = Object.keys(READERS);
  const tabs = h(
    'div',
    { class: 'segments small wrap', role: 'group', 'aria-label': 'Reader' },
    names.map((n) => h('button', { onclick: () => pick(n) }, n)),
  );
  function pick(name) {
    for (const b of tabs.children) setAttr(b, 'aria-pressed', String(b.textContent === name));
    put(place, code(READERS[name](t), `${name} snippet`));
  }
  pick(names[0]);
  return h(
    'section',
    { class: 'card' },
    h('header', {}, h('h2', {}, 'Read it elsewhere')),
    h('div', { class: 'pad stack' }, tabs, place),
  );
}

class Detail {
  constructor(store, name) {
    this.store = store;
    this.name = name;
    this.place = h('div', {});
    this.path = h('p', { class: 'muted mono' });
    this.links = h('div', { class: 'actions' });
    this.element = h(
      'div',
      { class: 'page' },
      h('div', { class: 'page-head' }, h('div', {}, h('h1', {}, name), this.path), this.links),
      this.place,
    );
    this.show();
  }

  show() {
    const path = `/tables/${api.seg(this.name)}`;
    const optional = (p) => p.catch(() => ({ items: [] }));
    load(
      this.place,
      Promise.all([
        api.get(path),
        optional(api.get(`${path}/history?limit=50`)),
        optional(api.get(`${path}/files?limit=1000`)),
      ]),
      ([t, history, files]) => this.make(t, history.items, files.items),
      () => this.show(),
    );
  }

  make(t, history, files) {
    const now = this.store.now();
    const { zone } = this.store.prefs;
    const f = facts([
      ['Rows', 'rows'],
      ['Files', 'files'],
      ['Small files', 'small', 'below 16 MiB'],
      ['Size', 'bytes'],
      ['Bytes per row', 'per'],
      ['Version', 'version'],
      ['Log length', 'log', 'versions since the last checkpoint'],
      ['Partitioned by', 'parts'],
      ['Created', 'created'],
      ['Last change', 'updated'],
    ]);
    f.set({
      rows: [int(t.rows), null],
      files: int(t.files),
      small: t.files ? `${int(t.small_files)}, ${percent(t.small_files / t.files, 0)}` : '0',
      bytes: [bytes(t.bytes), `${int(t.bytes)} bytes`],
      per: t.rows ? bytes(t.bytes / t.rows) : '–',
      version: int(t.version),
      log: int(t.log_versions),
      parts: (t.partition_columns ?? []).join(', ') || 'nothing',
      created: [ago(t.created_at, now), stamp(t.created_at, zone)],
      updated: [ago(t.updated_at, now), stamp(t.updated_at, zone)],
    });
    const advice = judge(t);
    const buckets = sizeBuckets(files);
    const most = Math.max(...buckets.map((b) => b.n), 1);
    const commits = new Table({
      label: 'History',
      key: (v) => v.version,
      empty: h('p', { class: 'muted pad' }, 'No versions yet.'),
      columns: [
        { label: 'Version', num: true, text: (v) => int(v.version) },
        { label: 'Time', text: (v) => stamp(v.timestamp, zone) },
        { label: 'Operation', text: (v) => v.operation, phone: false },
        { label: 'Epoch', num: true, text: (v) => int(v.epoch), phone: false },
        { label: 'Rows', num: true, text: (v) => int(v.rows) },
        { label: 'Files', num: true, text: (v) => int(v.files), phone: false },
        { label: 'Size', num: true, text: (v) => bytes(v.bytes), phone: false },
      ],
    });
    commits.set(history ?? []);
    const rows = h('div', {});
    this.rows(rows);
    setText(this.path, t.path);
    put(
      this.links,
      t.query ? h('a', { class: 'button', href: `#/queries/${t.query}` }, 'Its query') : null,
      h(
        'a',
        { class: 'button', href: `/api/v1/tables/${api.seg(t.name)}/dump?format=csv`, download: `${t.name}.csv` },
        icon('download'),
        'CSV',
      ),
      h(
        'a',
        {
          class: 'button',
          href: `/api/v1/tables/${api.seg(t.name)}/dump?format=ndjson`,
          download: `${t.name}.ndjson`,
        },
        icon('download'),
        'NDJSON',
      ),
    );
    return h(
      'div',
      { class: 'stack' },
      advice.length
        ? h(
            'div',
            { class: 'notice tone-warn advice' },
            advice.map((a) => h('p', {}, a)),
          )
        : null,
      h(
        'div',
        { class: 'grid-2' },
        card(
          'Health',
          f.element,
          h(
            'div',
            { class: 'pad' },
            h('h3', {}, 'Sizes of files'),
            h(
              'ol',
              { class: 'top-bars' },
              buckets.map((b) =>
                h(
                  'li',
                  {},
                  h('span', {}, b.label),
                  h('i', { vars: { '--w': String(b.n / most) } }),
                  h('b', {}, int(b.n)),
                ),
              ),
            ),
          ),
        ),
        h(
          'div',
          { class: 'stack' },
          readers(t),
          card(
            'Schema',
            h(
              'ul',
              { class: 'schema' },
              (t.columns ?? []).map((c) => h('li', {}, h('b', {}, c.name), h('code', {}, c.type))),
            ),
          ),
        ),
      ),
      h(
        'section',
        { class: 'card' },
        h(
          'header',
          {},
          h('h2', {}, 'Rows'),
          h('span', { class: 'grow' }),
          button('Refresh', 'restart', () => this.rows(rows), { class: 'quiet small' }),
          copyButton(() => curl(location.origin, 'GET', `/tables/${t.name}/rows?limit=100`), 'Copy as curl'),
        ),
        rows,
      ),
      card(
        'History',
        commits.element,
        t.first_version > 0
          ? h('p', { class: 'muted pad' }, `What was before version ${int(t.first_version)} is only in a checkpoint.`)
          : null,
      ),
    );
  }

  rows(place) {
    load(
      place,
      api.get(`/tables/${api.seg(this.name)}/rows?limit=50`),
      (r) => {
        if (!r.rows.length)
          return emptyState('tables', 'The table has no rows', 'Its query has not committed any yet.');
        return h(
          'div',
          { class: 'table-scroll', tabindex: '0', role: 'region', 'aria-label': 'Rows' },
          h(
            'table',
            { class: 'data' },
            h(
              'thead',
              {},
              h(
                'tr',
                {},
                r.columns.map((c) =>
                  h(
                    'th',
                    { scope: 'col', class: columnKind(c.type) === 'number' ? 'num' : null, title: c.type },
                    c.name,
                  ),
                ),
              ),
            ),
            h(
              'tbody',
              {},
              r.rows.map((row) =>
                h(
                  'tr',
                  {},
                  row.map((v, i) =>
                    h('td', { class: columnKind(r.columns[i].type) === 'number' ? 'num' : null }, cell(v)),
                  ),
                ),
              ),
            ),
          ),
        );
      },
      () => this.rows(place),
    );
  }
}

function list(element, store) {
  const count = h('p', { class: 'muted' });
  const table = new Table({
    label: 'Tables',
    key: (t) => t.name,
    sortBy: 0,
    empty: emptyState(
      'tables',
      'No tables yet',
      'A query makes its table with the first commit.',
      h('a', { class: 'button', href: '#/queries/new' }, 'New query'),
    ),
    columns: [
      {
        label: 'Name',
        sort: (t) => t.name,
        make: linkCell(
          (t) => `#/tables/${t.name}`,
          (t) => t.name,
        ),
      },
      { label: 'Version', num: true, sort: (t) => t.version, text: (t) => int(t.version) },
      { label: 'Rows', num: true, sort: (t) => t.rows, text: (t) => int(t.rows) },
      { label: 'Files', num: true, sort: (t) => t.files, text: (t) => int(t.files), phone: false },
      {
        label: 'Small',
        num: true,
        hint: 'share of files below 16 MiB',
        sort: (t) => t.small_files / (t.files || 1),
        text: (t) => (t.files ? percent(t.small_files / t.files, 0) : '–'),
        phone: false,
      },
      { label: 'Size', num: true, sort: (t) => t.bytes, text: (t) => bytes(t.bytes) },
      {
        label: 'Log',
        num: true,
        hint: 'versions since the last checkpoint',
        sort: (t) => t.log_versions,
        text: (t) => int(t.log_versions),
        phone: false,
      },
      {
        label: 'Changed',
        num: true,
        sort: (t) => t.updated_at,
        text: (t) => ago(t.updated_at, store.now()),
        phone: false,
      },
    ],
  });
  const problem = h('div', {});
  element.append(
    h(
      'div',
      { class: 'page' },
      pageHead('Tables', count),
      problem,
      card(null, table.element),
    ),
  );
  async function refresh() {
    if (document.hidden || store.paused) return;
    try {
      const { items } = await api.get('/tables');
      put(problem);
      setText(count, `${plural(items.length, 'Delta table')} in ${store.info?.warehouse ?? 'the warehouse'}`);
      table.set(items);
    } catch (p) {
      put(problem, h('div', { class: 'notice tone-bad' }, `${p.message} ${p.hint ?? ''}`));
    }
  }
  refresh();
  const timer = setInterval(refresh, POLL_MS);
  return () => clearInterval(timer);
}

export function mount(element, store, route) {
  let end = null;
  let shown;
  function update(r) {
    const name = r.path[1] ?? null;
    if (name === shown) return;
    shown = name;
    end?.();
    put(element);
    end = null;
    if (name) element.append(new Detail(store, name).element);
    else end = list(element, store);
  }
  update(route);
  return { update, unmount: () => end?.() };
}
