// SPDX-License-Identifier: MIT
// result: which picture fits a result, from its schema alone, and the series or bars it shows. Pure.

import { instant } from '../format.js';

const NUMBER = /^(TINYINT|SMALLINT|INT|BIGINT|FLOAT|DOUBLE|DECIMAL)/;
const TIME = /^(TIMESTAMP|DATE)/;
const ENOUGH = 30;
const SAMPLE = 500;
const BUCKETS_MS = [1000, 2000, 5000, 10000, 30000, 60000, 300000, 900000, 3600000];

export function columnKind(type) {
  const t = String(type).toUpperCase();
  return NUMBER.test(t)
    ? 'number'
    : TIME.test(t)
      ? 'time'
      : t.startsWith('STRING') || t === 'BOOLEAN'
        ? 'text'
        : 'other';
}

function looksLikeId(name) {
  return /(^|_)(id|offset|partition|key|version|year|month|day|hour)$/i.test(name);
}

// How many different values a column has in the rows.
function distinct(rows, i) {
  return new Set(rows.map((row) => String(row[i]))).size;
}

// Rows whose time is not a whole second: windows begin at such, events do not.
function unaligned(rows, i) {
  return rows.filter((row) => (instant(row[i]) ?? 0) % 1000 !== 0).length;
}

// Of several columns the one that makes few groups, but more than one.
function fewest(columns, rows, candidates) {
  if (rows.length < ENOUGH) return candidates[0] ?? null;
  const ranked = candidates
    .map((c) => [c, distinct(rows, columns.indexOf(c))])
    .filter(([, n]) => n > 1)
    .sort((a, b) => a[1] - b[1]);
  return ranked.find(([, n]) => n <= rows.length / 3)?.[0] ?? null;
}

// {kind: "lines" | "bars" | "none", x, y, series}: names of columns, or null; y null counts rows. Rows that look like
// events are counted; rows of windows show their last number.
export function choose(columns, rows = []) {
  const sample = rows.slice(-SAMPLE);
  const of = (kind) => columns.filter((c) => columnKind(c.type) === kind);
  const times = of('time');
  const numbers = of('number');
  const x = times.find((c) => /start/i.test(c.name)) ?? times[0] ?? null;
  const events = x !== null && sample.length >= ENOUGH && unaligned(sample, columns.indexOf(x)) > sample.length / 3;
  const y = events ? null : (numbers.filter((c) => !looksLikeId(c.name)).at(-1) ?? numbers.at(-1) ?? null);
  const groups = [...of('text'), ...numbers.filter((c) => c !== y && (events || looksLikeId(c.name)))];
  const series = events ? fewest(columns, sample, groups) : (groups[0] ?? null);
  const kind = x && (y || events) ? 'lines' : y && series ? 'bars' : 'none';
  return { kind, x: x?.name ?? null, y: y?.name ?? null, series: series?.name ?? null };
}

function at(columns, name) {
  return name === null ? -1 : columns.findIndex((c) => c.name === name);
}

function numeric(value) {
  const n = typeof value === 'string' ? Number(value) : value;
  return typeof n === 'number' && Number.isFinite(n) ? n : null;
}

// Times of rows that are counted fall into buckets, about sixty over all.
function bucketOf(rows, xi) {
  let low = Infinity;
  let high = -Infinity;
  for (const row of rows) {
    const t = instant(row[xi]);
    if (t === null) continue;
    low = Math.min(low, t);
    high = Math.max(high, t);
  }
  return BUCKETS_MS.find((ms) => (high - low) / ms <= 60) ?? 86400000;
}

// Lines: {names: [..], data: {name: [{x, y}]}, others: n}; the most first, at most max names.
export function lines(columns, rows, { x, y, series }, max = 6) {
  const xi = at(columns, x);
  const yi = at(columns, y);
  const si = at(columns, series);
  const groups = new Map();
  const bucket = y === null ? bucketOf(rows, xi) : 0;
  for (const row of rows) {
    let t = instant(row[xi]);
    const value = y === null ? 1 : numeric(row[yi]);
    if (t === null || value === null) continue;
    if (bucket) t = Math.floor(t / bucket) * bucket;
    const name = si < 0 ? (y ?? 'rows') : String(row[si]);
    let g = groups.get(name);
    if (!g) groups.set(name, (g = { total: 0, points: new Map() }));
    g.total += Math.abs(value);
    g.points.set(t, bucket ? (g.points.get(t) ?? 0) + 1 : value);
  }
  const ranked = [...groups].sort((a, b) => b[1].total - a[1].total || (a[0] < b[0] ? -1 : 1));
  const names = ranked.slice(0, max).map(([name]) => name);
  const data = {};
  for (const [name, g] of ranked.slice(0, max)) {
    data[name] = [...g.points].sort((a, b) => a[0] - b[0]).map(([t, value]) => ({ x: t, y: value }));
  }
  return { names, data, others: Math.max(0, ranked.length - max) };
}

// Bars: the newest value of each key (of the newest window when there is one), greatest first.
export function bars(columns, rows, { x, y, series }, max = 10) {
  const xi = at(columns, x);
  const yi = at(columns, y);
  const si = at(columns, series);
  let newest = null;
  if (xi >= 0 && y !== null) for (const row of rows) if (newest === null || row[xi] > newest) newest = row[xi];
  const values = new Map();
  for (const row of rows) {
    const name = si < 0 ? (y ?? 'rows') : String(row[si]);
    const value = y === null ? (values.get(name) ?? 0) + 1 : numeric(row[yi]);
    if (value !== null && (newest === null || row[xi] === newest)) values.set(name, value);
  }
  const ranked = [...values].sort((a, b) => b[1] - a[1]);
  return {
    when: newest,
    items: ranked.slice(0, max).map(([name, value]) => ({ name, value })),
    others: Math.max(0, ranked.length - max),
  };
}
