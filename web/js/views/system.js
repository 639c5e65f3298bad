// SPDX-License-Identifier: MIT
// system: the program itself: build, memory, loop, what is degraded, and each setting with where it came from.

import * as api from '../api.js';
import { h, put } from '../dom.js';
import { ago, bytes, cell, int, percent, span, stamp } from '../format.js';
import { card, emptyState, facts, listen, load, pageHead } from '../parts/bits.js';
import { code } from '../parts/dialog.js';
import { Table } from '../parts/table.js';

export function mount(element, store) {
  const f = facts([
    ['Version', 'version'],
    ['Up since', 'up'],
    ['Memory', 'rss', 'resident'],
    ['CPU', 'cpu', 'cores in use since the last look'],
    ['CPU time', 'cpu_s'],
    ['Threads', 'threads'],
    ['Loop lag p99', 'loop', 'how late timers fire; the loop serves pages and Kafka wake-ups'],
    ['Role', 'role'],
    ['State folder', 'state'],
    ['Warehouse', 'warehouse'],
    ['Browser clock', 'skew', 'against the server’s'],
    ['Round trip', 'rtt'],
  ]);
  const degraded = h('div', {});
  const limits = h('div', {});
  const config = h('div', {});
  let last = null;
  element.append(
    h(
      'div',
      { class: 'page' },
      pageHead(
        'System',
        'The process that serves this page.',
        h('a', { class: 'button', href: '/docs' }, 'API'),
        h('a', { class: 'button', href: '/metrics' }, 'Metrics'),
        h(
          'a',
          { class: 'button primary', href: '/api/v1/diagnostics', download: 'millrace-diagnostics.json' },
          'Diagnostics',
        ),
      ),
      degraded,
      h(
        'div',
        { class: 'grid-2' },
        card('Process', f.element),
        h(
          'div',
          { class: 'stack' },
          card('Limits', limits),
          h(
            'section',
            { class: 'card pad' },
            h('h2', {}, 'From a shell'),
            code(`curl -s ${location.origin}/healthz\ncurl -s ${location.origin}/metrics | head`),
          ),
        ),
      ),
      card('Configuration', config),
    ),
  );
  function show() {
    const { info } = store;
    if (!info) return;
    const p = info.process ?? {};
    const at = store.now();
    const cpu = last && at > last.at ? ((p.cpu_seconds - last.cpu) * 1000) / (at - last.at) : null;
    if (!last || at - last.at > 4000) last = { at, cpu: p.cpu_seconds };
    f.set({
      version: info.version,
      up: [span(info.uptime_ms), `since ${stamp(info.started_at, store.prefs.zone)}`],
      rss: bytes(p.rss_bytes),
      cpu_s: span((p.cpu_seconds ?? 0) * 1000),
      threads: int(p.threads),
      loop: span(p.loop_lag_p99_ms),
      role: store.socket.signedInAs ? `${info.role}, signed in as ${store.socket.signedInAs}` : info.role,
      state: info.state_dir,
      warehouse: info.warehouse,
      skew: store.skewMs ? `off by ${span(Math.abs(store.skewMs))}` : 'agrees',
      rtt: span(store.socket.rtt),
    });
    if (cpu !== null && cpu >= 0) f.set({ cpu: percent(cpu, 0) });
    put(
      degraded,
      (info.degraded ?? []).map((d) =>
        h('div', { class: 'notice tone-warn' }, h('b', {}, d.what), ` ${d.reason}, since ${ago(d.since, at)}`),
      ),
    );
    if (!limits.firstChild)
      put(
        limits,
        h(
          'ul',
          { class: 'schema' },
          Object.entries(info.limits ?? {}).map(([k, v]) =>
            h('li', {}, h('span', {}, k.replaceAll('_', ' ')), h('b', {}, typeof v === 'number' ? int(v) : cell(v))),
          ),
        ),
      );
  }
  const fetchConfig = () =>
    load(
      config,
      api.get('/config'),
      ({ items }) => {
        const table = new Table({
          label: 'Configuration',
          key: (c) => c.key,
          empty: emptyState('system', 'No settings', 'All is as built in.'),
          columns: [
            { label: 'Key', text: (c) => c.key },
            { label: 'Value', text: (c) => cell(c.value) },
            { label: 'From', hint: 'flag, environment, file, or built in', text: (c) => c.origin },
          ],
        });
        table.set(items);
        return table.element;
      },
      fetchConfig,
    );
  fetchConfig();
  show();
  const stop = listen(store, { status: show, prefs: show });
  return { unmount: stop };
}
