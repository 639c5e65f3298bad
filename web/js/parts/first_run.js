// SPDX-License-Identifier: MIT
// first_run: the page of a new millrace: what leads to the first moving chart, by two clicks or by the same commands.

import * as api from '../api.js';
import { h, icon, setClass, setText } from '../dom.js';
import { curl } from '../format.js';
import { code } from './dialog.js';

export const DEMO_PRODUCER = {
  name: 'demo-ads',
  template: 'ad_events',
  topic: 'ads',
  rate: 5000,
  late_pct: 1,
  malformed_pct: 0.1,
  partitions: 4,
};

export function demoSql(bootstrap, topic = 'ads') {
  return `-- Views of ads per kind of ad and 10 seconds of event time.
CREATE STREAMING TABLE ad_views
TBLPROPERTIES ('pipelines.trigger.interval' = '1 second', 'millrace.onMalformed' = 'reject')
AS SELECT window.start AS window_start, ad_type, count(*) AS views
FROM (SELECT e.ad_type, e.event_type, timestamp_millis(e.event_time) AS event_time
      FROM (SELECT from_json(CAST(value AS STRING), 'ad_type STRING, event_type STRING, event_time BIGINT') AS e
            FROM STREAM read_kafka(bootstrapServers => '${bootstrap}', subscribe => '${topic}',
                                   startingOffsets => 'earliest')))
  WATERMARK event_time DELAY OF INTERVAL 5 SECONDS AS events
WHERE event_type = 'view'
GROUP BY window(event_time, '10 seconds'), ad_type;
`;
}

function step(n, title, text, ...content) {
  return h(
    'li',
    { class: 'step' },
    h('span', { class: 'step-n', 'aria-hidden': 'true' }, n),
    h('div', {}, h('h2', {}, title), h('p', {}, text), content),
  );
}

export function firstRun(store) {
  const servers = h('input', {
    type: 'text',
    id: 'first-servers',
    value: 'localhost:9092',
    spellcheck: 'false',
    autocomplete: 'off',
  });
  const said = [h('span', { class: 'muted', role: 'status' }), h('span', { class: 'muted', role: 'status' })];
  const say = (n, text, bad = false) => {
    setText(said[n], text);
    setClass(said[n], bad ? 'tone-bad' : 'muted');
  };
  const go = (n, label, send, then) => {
    const button = h(
      'button',
      {
        class: 'primary',
        type: 'button',
        onclick: async () => {
          button.disabled = true;
          try {
            await send();
            then();
          } catch (problem) {
            say(n, problem.said, true);
            button.disabled = false;
          }
        },
      },
      label,
    );
    return button;
  };
  const { name, ...spec } = DEMO_PRODUCER;
  const makeProducer = go(
    0,
    'Create the producer',
    () => api.put(`/producers/${name}`, { ...spec, bootstrap_servers: servers.value }), // also again
    () => say(0, 'Made.'),
  );
  const makeQuery = go(
    1,
    'Create the query',
    () => api.post('/queries', { name: 'ad_views', sql: demoSql(servers.value) }),
    () => {
      location.hash = '#/queries/ad_views';
    },
  );
  // Made is not yet sending: there may be no Kafka at that address.
  const follow = () => {
    if (!servers.isConnected) {
      store.removeEventListener('status', follow);
      return;
    }
    const p = store.producers.find((x) => x.name === name);
    const bad = p?.state === 'waiting' || p?.state === 'failed';
    if (bad) say(0, new api.Problem({ detail: p.error?.text ?? p.error ?? '' }).said, true);
    else if (p?.state === 'running') say(0, 'It sends.');
    makeProducer.disabled = Boolean(p) && !bad;
  };
  store.addEventListener('status', follow);
  return h(
    'div',
    { class: 'page narrow' },
    h(
      'div',
      { class: 'hero' },
      h('h1', {}, 'Streaming SQL, from Kafka into Delta Lake'),
      h(
        'p',
        {},
        'Nothing runs here yet. Two clicks make a stream of ad events and a query over it; then these pages move.',
      ),
    ),
    h(
      'section',
      { class: 'card' },
      h(
        'ol',
        { class: 'steps' },
        step(
          1,
          'Make a stream',
          'A producer sends 5,000 events per second to the topic ads, 1 % of them late, a few malformed.',
          h(
            'div',
            { class: 'row' },
            h('label', { for: 'first-servers' }, 'Kafka at'),
            servers,
            makeProducer,
            said[0],
          ),
        ),
        step(
          2,
          'Run a query over it',
          'Views per ad type and 10 seconds of event time, exactly once into the Delta table ad_views.',
          h(
            'div',
            { class: 'row' },
            makeQuery,
            said[1],
          ),
        ),
        step(
          3,
          'Look',
          'The query opens on its live rows. Pull the producer’s rate; stop and start; read the table from pandas.',
        ),
      ),
    ),
    h(
      'div',
      { class: 'grid-3' },
      h(
        'section',
        { class: 'card pad' },
        icon('play'),
        h('h2', {}, 'Without Kafka'),
        h('p', {}, 'One command brings a broker, a producer and a query of its own.'),
        code('millrace demo'),
      ),
      h(
        'section',
        { class: 'card pad' },
        icon('queries'),
        h('h2', {}, 'Your own SQL'),
        h('p', {}, 'Write it with checks at line and column, a plan and a preview.'),
        h('a', { class: 'button', href: '#/queries/new' }, 'New query'),
      ),
      h(
        'section',
        { class: 'card pad' },
        icon('system'),
        h('h2', {}, 'From a shell'),
        h('p', {}, 'All of this is public REST.'),
        code(
          curl(location.origin, 'POST', '/producers', { ...DEMO_PRODUCER, bootstrap_servers: 'localhost:9092' }),
          'Command',
        ),
      ),
    ),
  );
}
