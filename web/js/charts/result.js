// SPDX-License-Identifier: MIT
// result: which picture fits a result, from its schema alone, and the series or bars it shows. Pure.

const NUMBER = /^(TINYINT|SMALLINT|INT|BIGINT|FLOAT|DOUBLE|DECIMAL)/;
const TIME = /^(TIMESTAMP|DATE)/;

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

// {kind: "lines" | "bars" | "none", x, y, series}: names of columns, or null.
export function choose(columns) {
  const of = (kind) => columns.filter((c) => columnKind(c.type) === kind);
  const times = of('time');
  const numbers = of('number');
  const texts = of('text');
  const x = times.find((c) => /start/i.test(c.name)) ?? times[0] ?? null;
  const y = numbers.filter((c) => !looksLikeId(c.name)).at(-1) ?? numbers.at(-1) ?? null;
  const series = texts[0] ?? numbers.find((c) => c !== y && looksLikeId(c.name)) ?? null;
  const kind = !y ? 'none' : x ? 'lines' : series ? 'bars' : 'none';
  return { kind, x: x?.name ?? null, y: y?.name ?? null, series: series?.name ?? null };
}

function at(columns, name) {
  return name === null ? -1 : columns.findIndex((c) => c.name === name);
}

function numeric(value) {
  const n = typeof value === 'string' ? Number(value) : value;
  return typeof n === 'number' && Number.isFinite(n) ? n : null;
}

// Lines: {names: [..], data: {name: [{x, y}]}, others: n}; the most first, at most max names.
export function lines(columns, rows, { x, y, series }, max = 6) {
  const xi = at(columns, x);
  const yi = at(columns, y);
  const si = at(columns, series);
  const groups = new Map();
  for (const row of rows) {
    const t = typeof row[xi] === 'number' ? row[xi] : Date.parse(row[xi]);
    const value = numeric(row[yi]);
    if (!Number.isFinite(t) || value === null) continue;
    const name = si < 0 ? y : String(row[si]);
    let g = groups.get(name);
    if (!g) groups.set(name, (g = { total: 0, points: new Map() }));
    g.total += Math.abs(value);
    g.points.set(t, value);
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
  if (xi >= 0) for (const row of rows) if (newest === null || row[xi] > newest) newest = row[xi];
  const values = new Map();
  for (const row of rows) {
    const value = numeric(row[yi]);
    if (value !== null && (newest === null || row[xi] === newest)) values.set(si < 0 ? y : String(row[si]), value);
  }
  const ranked = [...values].sort((a, b) => b[1] - a[1]);
  return {
    when: newest,
    items: ranked.slice(0, max).map(([name, value]) => ({ name, value })),
    others: Math.max(0, ranked.length - max),
  };
}
