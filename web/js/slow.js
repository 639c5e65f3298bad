// SPDX-License-Identifier: MIT
// slow: "What is slow and why", computed from the states of queries and producers alone. Pure: no DOM, no clock.
//
// rank(state) -> findings, gravest first: {level: bad|warn|info, score, subject, text, why, tab, kind}. A finding says
// what is wrong, then the likeliest cause with the numbers that show it, and where to look next.

import { int, percent, si, span } from './format.js';

const LATE_SHARE = 0.01;
const BAD_SHARE = 0.001;
const LOOP_LAG_MS = 100;

function busiest(busy) {
  if (!busy) return null;
  const [name, share] = ['decode', 'compute', 'write'].map((k) => [k, busy[k] ?? 0]).sort((a, b) => b[1] - a[1])[0];
  return { name, share };
}

const WORK = {
  decode: 'reading JSON takes most of the time',
  compute: 'filters, joins and windows take most of the time',
  write: 'writing Parquet and committing takes most of the time',
};

function sentence(text) {
  return /[.!?]$/.test(text) ? text : `${text}.`;
}

function share(part, whole) {
  return whole > 0 ? part / whole : 0;
}

function failing(q, out) {
  if (q.state === 'failed' || q.state === 'waiting') {
    const again = q.state === 'waiting' ? ` It tries again by itself (${int(q.restarts)} so far).` : '';
    out.push({
      level: 'bad',
      score: q.state === 'failed' ? 1000 : 900,
      tab: 'health',
      text: q.state === 'failed' ? 'has failed' : 'failed and waits to try again',
      why: `${sentence(q.error?.text || q.reason || 'No reason was given')}${again}`,
    });
  }
  if (q.ledger && q.ledger.balanced === false) {
    out.push({
      level: 'bad',
      score: 950,
      tab: 'health',
      text: 'does not account for every record',
      why: 'Its ledger does not balance. This is an error of millrace: please report it with the diagnostics.',
    });
  }
  const lost = q.ledger?.records?.lost ?? 0;
  if (lost > 0) {
    out.push({
      level: 'bad',
      score: 800,
      tab: 'health',
      text: `skipped ${int(lost)} records that Kafka had deleted`,
      why: 'failOnDataLoss is false, so it went on. Keep records longer, or read sooner.',
    });
  }
}

function away(q, now, out) {
  if (q.brokers?.silent_since && q.state === 'running') {
    out.push({
      level: 'bad',
      score: 850,
      tab: 'health',
      text: `has had no answer from its broker for ${span(now - Date.parse(q.brokers.silent_since))}`,
      why: 'The broker is connected and says nothing: it may be stopped, or wait for its disk. It goes on by itself.',
    });
  }
  if (q.brokers && q.brokers.connected === false && q.state === 'running') {
    const since = q.brokers.down_since ? ` for ${span(now - Date.parse(q.brokers.down_since))}` : '';
    out.push({
      level: 'bad',
      score: 850,
      tab: 'health',
      text: `cannot reach its broker${since}`,
      why: q.brokers.error || 'It goes on by itself when the broker is back. Nothing is lost.',
    });
  }
}

// Behind, and whether it gains: lag now against lag before (30 s ago or as far as is known).
function behind(q, before, out) {
  if (q.state !== 'running' || !(q.behind || q.lag_ms > 30000)) return;
  if (!(q.lag > Math.max(1000, q.records_per_s))) return;
  const work = busiest(q.busy);
  const gain = before && before.lag !== null ? (before.lag - q.lag) / Math.max(1, before.ago_s) : 0;
  let text;
  let level = 'warn';
  if (before && gain > 0.002 * q.lag) {
    text = `is ${si(q.lag)} records behind and catches up in about ${span((q.lag / gain) * 1000)}`;
    level = 'info';
  } else if (before && gain < -0.002 * q.lag) {
    text = `falls behind by ${si(-gain)} records/s, ${si(q.lag)} by now`;
  } else {
    text = `is ${si(q.lag)} records behind`;
  }
  const why =
    work && work.share > 0.5
      ? `${percent(work.share, 0)} of its time is ${work.name}: ${WORK[work.name]}.`
      : `It reads ${si(q.records_per_s)} records/s; its thread idles ${percent(q.busy?.idle ?? 0, 0)} of the time.`;
  out.push({
    level,
    score: 500 + Math.min(90, Math.log10(q.lag + 1) * 10) - (level === 'info' ? 300 : 0),
    tab: 'health',
    text,
    why,
  });
}

function slowCommits(q, out) {
  const p99 = q.commit_ms?.p99;
  if (q.trigger_ms && p99 > q.trigger_ms) {
    out.push({
      level: 'warn',
      score: 450,
      tab: 'commits',
      text: `commits take ${span(p99)} at p99, its trigger is ${span(q.trigger_ms)}`,
      why: 'Epochs wait for the commit before. A slow disk, or very many small files per commit.',
    });
  }
  const latency = q.latency_ms?.p99;
  const due = 2 * (q.trigger_ms ?? 1000) + 1000;
  if (q.state === 'running' && !q.behind && latency > due && !(p99 > q.trigger_ms)) {
    const windowed = q.open_windows > 0;
    out.push({
      level: 'info',
      score: 150,
      tab: 'health',
      text: `takes ${span(latency)} from event to row at p99`,
      why: windowed
        ? 'A row comes when its window closes: size of the window + delay of the watermark + trigger.'
        : `The trigger is ${span(q.trigger_ms)}; events wait for it.`,
    });
  }
}

// Who set the watermark where it is: the partition of the newest event, or a whole topic.
export function holderOf(q) {
  const { topic, partition } = q.watermark_holder;
  return partition === null || partition === undefined ? topic : `${topic} partition ${partition}`;
}

function silent(q, out) {
  if (!q.why_nothing || q.state !== 'running') return;
  if (q.brokers?.connected === false || q.brokers?.silent_since) return; // told by away()
  const held = q.watermark_holder ? ` The newest event is from ${holderOf(q)}.` : '';
  out.push({ level: 'warn', score: 400, tab: 'health', text: 'puts out no rows', why: `${q.why_nothing}${held}` });
}

function badRows(q, out) {
  const r = q.ledger?.records;
  const f = q.ledger?.effects;
  const late = share(f?.late ?? 0, (f?.passed ?? 0) + (f?.fan_out ?? 0));
  if (late > LATE_SHARE) {
    out.push({
      level: 'warn',
      score: 200 + late * 100,
      tab: 'errors',
      text: `drops ${percent(late)} of its rows as late`,
      why: `${int(f.late)} came after the watermark. A longer DELAY OF keeps them, at the price of later results.`,
    });
  }
  const rejected = share(r?.rejected ?? 0, r?.read ?? 0);
  if (rejected > BAD_SHARE) {
    out.push({
      level: 'warn',
      score: 180 + rejected * 100,
      tab: 'errors',
      text: `rejected ${percent(rejected)} of its records`,
      why: `${int(r.rejected)} were malformed or too big. The samples show where they lie.`,
    });
  }
  for (const x of q.expectations ?? []) {
    if (x.failed > 0) {
      out.push({
        level: 'warn',
        score: 190,
        tab: 'health',
        text: `has ${int(x.failed)} rows that fail "${x.name}"`,
        why: `Expectation of the table; action: ${x.action}.`,
      });
    }
  }
}

function producerFindings(p, out) {
  const add = (finding) => out.push({ ...finding, kind: 'producer', subject: p.name });
  if (p.state === 'failed' || p.state === 'waiting') {
    add({ level: 'bad', score: 700, text: 'has failed', why: p.error?.text ?? p.error ?? 'No reason was given.' });
  } else if (p.failed > 0) {
    add({
      level: 'warn',
      score: 350,
      text: `could not deliver ${int(p.failed)} records`,
      why: 'The broker refused them or did not answer in time.',
    });
  }
  if (p.state === 'running' && p.rate > 0 && p.actual_rate < 0.8 * p.rate) {
    add({
      level: 'info',
      score: 140,
      text: `sends ${si(p.actual_rate)}/s of ${si(p.rate)}/s`,
      why: 'The broker or this machine is the limit, not the generator.',
    });
  }
}

// state: {queries: [Status], producers: [Producer], info: Info, now: ms, before: Map name -> {lag, ago_s}}
export function rank({ queries = [], producers = [], info = null, now = 0, before = new Map() }) {
  const out = [];
  for (const q of queries) {
    const own = [];
    failing(q, own);
    away(q, now, own);
    behind(q, before.get(q.name), own);
    slowCommits(q, own);
    silent(q, own);
    badRows(q, own);
    for (const finding of own) out.push({ kind: 'query', subject: q.name, ...finding });
  }
  for (const p of producers) producerFindings(p, out);
  for (const d of info?.degraded ?? []) {
    if (out.some((f) => d.what.includes(f.subject))) continue; // said already, and better

    out.push({
      kind: 'service',
      level: 'warn',
      score: 600,
      subject: 'millrace',
      text: `${d.what} is degraded`,
      why: d.reason,
    });
  }
  const loop = info?.process?.loop_lag_p99_ms;
  if (loop > LOOP_LAG_MS) {
    out.push({
      kind: 'service',
      level: 'warn',
      score: 300,
      subject: 'millrace',
      text: `answers slowly: its loop lags ${span(loop)}`,
      why: 'The machine is busy, or a callback of the loop takes too long.',
    });
  }
  return out.sort((a, b) => b.score - a.score);
}

// One word for the whole service: ok, degraded or down, with its reason.
export function health({ connected, queries = [], info = null, findings = [] }) {
  if (!connected) return { level: 'down', text: 'No connection', why: 'The page shows the last picture it got.' };
  const bad = findings.filter((f) => f.level === 'bad');
  if (bad.length) return { level: 'bad', text: 'Degraded', why: `${bad[0].subject} ${bad[0].text}` };
  const warn = findings.filter((f) => f.level === 'warn');
  if (warn.length) return { level: 'warn', text: 'Attention', why: `${warn[0].subject} ${warn[0].text}` };
  if (info && info.ready === false) return { level: 'warn', text: 'Starting', why: 'Its state is being recovered.' };
  const running = queries.filter((q) => q.state === 'running').length;
  return {
    level: 'ok',
    text: 'Healthy',
    why: running ? `${running} of ${queries.length} queries run` : 'No query runs',
  };
}
