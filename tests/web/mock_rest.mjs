// SPDX-License-Identifier: MIT
// mock_rest: the routes of docs/rest.md over a World.

import { Problem, WINDOWED } from './mock_world.mjs';

const NAME = /^[a-z0-9][a-z0-9_-]{0,62}$/;

function validate(sql) {
  const diag = (code, message, hint, word) => {
    const at = Math.max(0, sql.indexOf(word));
    const before = sql.slice(0, at);
    return {
      severity: 'error',
      code,
      message,
      hint,
      line: before.split('\n').length,
      column: at - before.lastIndexOf('\n'),
      offset: at,
      length: word.length,
    };
  };
  const errors = [];
  if (!/create\s+(or\s+refresh\s+)?streaming\s+table/i.test(sql))
    errors.push(
      diag(
        'no_table',
        'There is no CREATE STREAMING TABLE',
        'A query writes one table: CREATE STREAMING TABLE name AS SELECT ..',
        sql.trim().split(/\s/)[0] || ' ',
      ),
    );
  const wrong = /\bcampain_id\b/.exec(sql);
  if (wrong)
    errors.push(diag('unknown_column', 'There is no column campain_id', 'Did you mean campaign_id?', 'campain_id'));
  return {
    valid: errors.length === 0,
    errors,
    tables: errors.length
      ? []
      : [{ name: /table\s+(\w+)/i.exec(sql)?.[1] ?? 't', columns: WINDOWED, watermark: 'event_time' }],
  };
}

const column = (name, type) => ({ name, type });
function plan(name) {
  return {
    query: name,
    location: `./lake/${name}`,
    trigger_us: 1000000,
    stateful: true,
    plan: {
      operator: 'Project',
      detail: 'window.start AS window_start, campaign_id, count(1) AS views',
      columns: WINDOWED,
      inputs: [
        {
          operator: 'Window',
          detail: 'tumbling of 10 s on event_time; keys [campaign_id]; count(1)',
          columns: WINDOWED,
          inputs: [
            {
              operator: 'Join',
              detail: 'ad_id = ad_id',
              columns: [column('campaign_id', 'STRING'), column('event_time', 'TIMESTAMP')],
              inputs: [
                {
                  operator: 'Watermark',
                  detail: 'event_time, delay 5 s',
                  columns: [column('ad_id', 'STRING'), column('event_time', 'TIMESTAMP')],
                  inputs: [
                    {
                      operator: 'Filter',
                      detail: "event_type = 'view'",
                      columns: [],
                      inputs: [
                        {
                          operator: 'Source',
                          detail:
                            'read_kafka(ads); decodes from_json(value) as STRUCT<ad_id: STRING, event_time: BIGINT>',
                          columns: [],
                          inputs: [],
                        },
                      ],
                    },
                  ],
                },
                {
                  operator: 'Table',
                  detail: 'read_files(ads.csv)',
                  columns: [column('ad_id', 'STRING'), column('campaign_id', 'STRING')],
                  inputs: [],
                },
              ],
            },
          ],
        },
      ],
    },
  };
}
const planText = (name) =>
  [
    `Query ${name}`,
    `  writes ./lake/${name} as STRUCT<window_start: TIMESTAMP, campaign_id: STRING, views: BIGINT>`,
    '  every 1 s; state: open windows, closed by the watermark',
    '  Project window.start AS window_start, campaign_id, count(1) AS views',
    '    Window tumbling of 10 s on event_time; keys [campaign_id]; count(1)',
    '',
  ].join('\n');

const page = (items) => ({ items, next: null, has_more: false });

export function routes(world) {
  const w = world;
  const producer = (name) => {
    const p = w.producers.get(name);
    if (!p) throw new Problem(404, 'not_found', `There is no producer ${name}`);
    return p;
  };
  const table = (name) => {
    const q = [...w.queries.values()].find((x) => x.table === name);
    if (!q) throw new Problem(404, 'not_found', `There is no table ${name}`);
    return q;
  };
  const named = (body, map) => {
    if (!NAME.test(body.name ?? '')) throw new Problem(422, 'invalid_name', 'A name is [a-z0-9][a-z0-9_-]{0,62}');
    if (map.has(body.name)) throw new Problem(409, 'exists', `${body.name} exists already`);
  };
  const sql = (body) => {
    const v = validate(body.sql ?? '');
    if (!v.valid) throw new Problem(422, 'invalid_sql', v.errors[0].message, { errors: v.errors });
  };
  return [
    ['GET', '/info', () => w.info()],
    ['POST', '/sql/validate', (m, body) => validate(body.sql)],
    ['POST', '/sql/explain', (m, body) => plan(validate(body.sql).tables[0]?.name ?? 't')],
    [
      'POST',
      '/sql/preview',
      (m, body) => ({
        ndjson: [
          { columns: WINDOWED },
          ...(body.sql.includes('-- gone')
            ? [{ error: { status: 409, code: 'data_loss', detail: 'records [1, 2) are gone', hint: 'begin anew' } }]
            : []),
          ...[...Array(12).keys()].map((i) => [w.iso(), `campaign_00${i % 10}`, 100 + i]),
          { end: true, rows: 12 },
        ],
      }),
    ],
    ['GET', '/queries', () => page([...w.queries.values()].map((q) => w.publicQuery(q)))],
    [
      'POST',
      '/queries',
      (m, body) => {
        named(body, w.queries);
        sql(body);
        return {
          status: 201,
          value: w.publicQuery(
            w.addQuery({
              name: body.name,
              sql: body.sql,
              producer: [...w.producers.keys()][0] ?? null,
              windowed: true,
            }),
          ),
        };
      },
    ],
    ['GET', '/queries/status', () => page([...w.queries.values()].map((q) => w.status(q)))],
    ['GET', '/queries/:name', ([n]) => ({ etag: `"${w.query(n).etag}"`, value: w.publicQuery(w.query(n)) })],
    [
      'PUT',
      '/queries/:name',
      ([n], body, url) => {
        const q = w.query(n);
        sql(body);
        const dropped = !/10 seconds/.test(body.sql);
        if (dropped && url.searchParams.get('on_incompatible') !== 'reset')
          throw new Problem(409, 'incompatible_state', 'The window has changed: its open windows cannot be kept.', {
            hint: 'PUT with ?on_incompatible=reset begins a new generation',
          });
        q.sql = body.sql;
        q.etag += 1;
        q.updated_at = w.iso();
        return {
          etag: `"${q.etag}"`,
          value: { ...w.publicQuery(q), compatibility: dropped ? 'state_dropped' : 'state_kept' },
        };
      },
    ],
    [
      'DELETE',
      '/session',
      () => {
        w.options.signedInAs = null;
        return { status: 204 };
      },
    ],
    [
      'DELETE',
      '/queries/:name',
      ([n]) => {
        w.query(n);
        w.queries.delete(n);
        w.event('info', 'query', n, 'deleted');
        return { status: 204 };
      },
    ],
    [
      'POST',
      '/queries/:name/:action',
      ([n, action]) => {
        const q = w.query(n);
        w.setQuery(q, action !== 'stop');
        return { status: 202, value: w.publicQuery(q) };
      },
    ],
    ['GET', '/queries/:name/status', ([n]) => w.status(w.query(n))],
    [
      'GET',
      '/queries/:name/plan',
      ([n], body, url) => (url.searchParams.get('format') === 'text' ? { text: planText(n) } : plan(w.query(n).name)),
    ],
    ['GET', '/queries/:name/commits', ([n]) => page(w.query(n).commits)],
    [
      'GET',
      '/sources',
      () =>
        page(
          [...w.queries.values()].map((q) => ({
            id: `${q.name}.0`,
            query: q.name,
            topics: [q.partitions[0].topic],
            bootstrap_servers: 'localhost:9092',
            connected: q.state !== 'waiting',
            down_since: q.state === 'waiting' ? w.iso(w.now() - 42000) : null,
            error: q.state === 'waiting' ? 'connection refused' : '',
            records: q.records,
            records_per_s: q.rate ?? 0,
            lag: q.lag,
            partitions: q.partitions.length,
          })),
        ),
    ],
    [
      'GET',
      '/topics/:topic/sample',
      ([t]) =>
        page(
          [...Array(8).keys()].map((i) => ({
            partition: i % 4,
            offset: 120000 - i,
            timestamp: w.iso(w.now() - i * 40),
            key: null,
            value: JSON.stringify({
              user_id: `u${i}`,
              ad_id: `ad_00${i}`,
              event_type: 'view',
              event_time: w.now() - i * 40,
              topic: t,
            }),
          })),
        ),
    ],
    ['GET', '/producers', () => page([...w.producers.values()])],
    [
      'POST',
      '/producers',
      (m, body) => {
        named(body, w.producers);
        return { status: 201, value: w.addProducer(body) };
      },
    ],
    [
      'PUT',
      '/producers/:name',
      ([name], body) => {
        const there = w.producers.delete(name);
        return { status: there ? 200 : 201, value: w.addProducer({ name, ...body }) };
      },
    ],
    ['PATCH', '/producers/:name', ([n], body) => Object.assign(producer(n), body)],
    [
      'DELETE',
      '/producers/:name',
      ([n]) => {
        producer(n);
        w.producers.delete(n);
        return { status: 204 };
      },
    ],
    [
      'POST',
      '/producers/:name/:action',
      ([n, action]) => {
        const p = producer(n);
        p.desired_state = p.state = action === 'start' ? 'running' : 'stopped';
        w.event('info', 'producer', n, action === 'start' ? 'started' : 'stopped');
        return { status: 202, value: p };
      },
    ],
    ['GET', '/tables', () => page([...w.queries.values()].map((q) => w.table(q)))],
    ['GET', '/tables/:name', ([n]) => w.table(table(n))],
    [
      'GET',
      '/tables/:name/history',
      ([n]) =>
        page(
          table(n)
            .commits.filter((c) => c.version !== null)
            .slice(0, 50)
            .map((c) => ({
              version: c.version,
              timestamp: c.committed_at,
              operation: 'STREAMING UPDATE',
              epoch: c.epoch,
              rows: c.rows,
              files: c.files,
              bytes: c.bytes,
              query: n,
            })),
        ),
    ],
    [
      'GET',
      '/tables/:name/files',
      ([n]) =>
        page(
          table(n)
            .commits.filter((c) => c.version !== null)
            .map((c) => ({
              path: `part-${c.version}.parquet`,
              bytes: c.bytes,
              rows: c.rows,
              version: c.version,
              partition: {},
            })),
        ),
    ],
    [
      'GET',
      '/tables/:name/rows',
      ([n]) => ({ columns: table(n).columns, rows: table(n).kept.slice(-50), total: table(n).rows, sampled: 1 }),
    ],
    ['GET', '/events', () => page(w.events)],
    [
      'GET',
      '/config',
      () => ({
        items: [
          { key: 'listen', value: '127.0.0.1:8080', origin: 'built in' },
          { key: 'warehouse', value: './lake', origin: 'flag --warehouse' },
          { key: 'kafka.sasl.password', value: '***', origin: 'millrace.yaml:12' },
          { key: 'log.level', value: 'info', origin: 'environment MILLRACE_LOG_LEVEL' },
        ],
      }),
    ],
    ['GET', '/diagnostics', () => ({ info: w.info() })],
  ].map(([method, path, run]) => ({
    method,
    run,
    pattern: new RegExp(`^/api/v1${path.replace(/:\w+/g, '([^/]+)')}$`),
  }));
}
