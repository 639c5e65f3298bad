// SPDX-License-Identifier: MIT
// format: numbers, sizes, spans and instants as people read them. Pure: no DOM, no clock but what is handed in.

const NONE = '–';

// 1234567 -> "1.23M": three figures, the exact number belongs into a title.
export function si(value) {
  if (value === null || value === undefined) return NONE;
  if (!Number.isFinite(value)) return String(value);
  const a = Math.abs(value);
  if (a < 1000) return a >= 100 || Number.isInteger(value) ? String(Math.round(value)) : trim(value.toPrecision(3));
  for (const [limit, unit, suffix] of [
    [1e6, 1e3, 'k'],
    [1e9, 1e6, 'M'],
    [1e12, 1e9, 'G'],
    [Infinity, 1e12, 'T'],
  ]) {
    if (a < limit * 0.9995) return figures(value / unit) + suffix;
  }
  return String(value);
}

function figures(x) {
  const a = Math.abs(x);
  return a >= 99.95 ? x.toFixed(0) : a >= 9.995 ? trim(x.toFixed(1)) : trim(x.toFixed(2));
}

function trim(text) {
  return text.includes('.') && !text.includes('e') ? text.replace(/\.?0+$/, '') : text;
}

// 1234567 -> "1 234 567", with thin spaces that do not break.
export function int(value) {
  if (value === null || value === undefined) return NONE;
  if (!Number.isFinite(value)) return String(value);
  return String(Math.round(value)).replace(/\B(?=(\d{3})+(?!\d))/g, '\u202f');
}

// 1234 -> "1.23k/s"; of what, when it is not plain.
export function rate(value, what = '') {
  return value === null || value === undefined ? NONE : `${si(value)}${what}/s`;
}

export function bytes(value) {
  if (value === null || value === undefined) return NONE;
  let unit = 0;
  let x = value;
  while (Math.abs(x) >= 1023.5 && unit < 5) {
    x /= 1024;
    unit += 1;
  }
  return `${unit ? figures(x) : Math.round(x)} ${['B', 'KiB', 'MiB', 'GiB', 'TiB', 'PiB'][unit]}`;
}

// A span: 0.42 ms, 180 ms, 3.1 s, 4 min 05 s, 2 h 10 min, 3 d 4 h.
export function span(ms) {
  if (ms === null || ms === undefined) return NONE;
  if (!Number.isFinite(ms)) return String(ms);
  const sign = ms < 0 ? '-' : '';
  const a = Math.abs(ms);
  if (a < 1) return a === 0 ? '0 ms' : `${sign}${trim(a.toFixed(2))} ms`;
  if (a < 999.5) return `${sign}${a < 9.95 ? trim(a.toFixed(1)) : Math.round(a)} ms`;
  if (a < 9950) return `${sign}${trim((a / 1000).toFixed(1))} s`;
  const s = Math.round(a / 1000);
  if (s < 60) return `${sign}${s} s`;
  if (s < 3600) return `${sign}${Math.floor(s / 60)} min ${two(s % 60)} s`;
  const min = Math.floor(s / 60);
  if (min < 1440) return `${sign}${Math.floor(min / 60)} h ${two(min % 60)} min`;
  return `${sign}${Math.floor(min / 1440)} d ${Math.floor((min % 1440) / 60)} h`;
}

// For axes, where room is short: 250ms, 3s, 4m, 2h.
export function spanShort(ms) {
  const a = Math.abs(ms);
  if (a === 0) return '0';
  if (a < 1000) return `${trim(ms.toFixed(a < 10 ? 1 : 0))} ms`;
  if (a < 60000) return `${trim((ms / 1000).toFixed(1))} s`;
  if (a < 3600000) return `${trim((ms / 60000).toFixed(1))} min`;
  return `${trim((ms / 3600000).toFixed(1))} h`;
}

export function percent(share, digits = 1) {
  if (share === null || share === undefined || !Number.isFinite(share)) return NONE;
  const p = share * 100;
  if (p > 0 && p < 0.05) return '<0.1 %';
  return `${trim(p.toFixed(p >= 99.95 || p === 0 ? 0 : digits))} %`;
}

function two(n) {
  return String(n).padStart(2, '0');
}

// Instants are shown in the zone that the user chose: "local" or "utc".
export function parts(ms, zone) {
  const d = new Date(ms);
  return zone === 'utc'
    ? [
        d.getUTCFullYear(),
        d.getUTCMonth() + 1,
        d.getUTCDate(),
        d.getUTCHours(),
        d.getUTCMinutes(),
        d.getUTCSeconds(),
        d.getUTCMilliseconds(),
      ]
    : [
        d.getFullYear(),
        d.getMonth() + 1,
        d.getDate(),
        d.getHours(),
        d.getMinutes(),
        d.getSeconds(),
        d.getMilliseconds(),
      ];
}

export function clock(t, zone = 'local') {
  const ms = instant(t);
  if (ms === null) return NONE;
  const [, , , hour, minute, second] = parts(ms, zone);
  return `${two(hour)}:${two(minute)}:${two(second)}`;
}

export function stamp(t, zone = 'local') {
  const ms = instant(t);
  if (ms === null) return NONE;
  const [year, month, day, hour, minute, second] = parts(ms, zone);
  return `${year}-${two(month)}-${two(day)} ${two(hour)}:${two(minute)}:${two(second)}`;
}

// RFC 3339 text or a number of milliseconds -> milliseconds, or null.
export function instant(t) {
  if (t === null || t === undefined || t === '') return null;
  const ms = typeof t === 'number' ? t : Date.parse(t);
  return Number.isFinite(ms) ? ms : null;
}

export function ago(t, now) {
  const ms = instant(t);
  if (ms === null || now === null) return NONE;
  const d = now - ms;
  if (d < -1500) return `in ${span(-d)}`;
  if (d < 1500) return 'now';
  return `${span(d)} ago`;
}

export function plural(n, one, many = `${one}s`) {
  return `${int(n)} ${n === 1 ? one : many}`;
}

// An instant of a row: date and time of day, and milliseconds where there are any.
export function moment(value, zone = 'local') {
  const ms = instant(value);
  if (ms === null) return cell(value);
  const rest = ((ms % 1000) + 1000) % 1000;
  return rest ? `${stamp(ms, zone)}.${String(rest).padStart(3, '0')}` : stamp(ms, zone);
}

// One cell as text: what a table shows and what is searched.
export function cell(value) {
  if (value === null || value === undefined) return 'null';
  if (typeof value === 'object') return JSON.stringify(value);
  return String(value);
}

// RFC 4180; a text that a spreadsheet would take for a formula gets a quote in front.
export function csvCell(value) {
  if (value === null || value === undefined) return '';
  let text = typeof value === 'object' ? JSON.stringify(value) : String(value);
  if (typeof value === 'string' && /^[=+\-@\t\r]/.test(text)) text = `'${text}`;
  return /[",\r\n]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text;
}

export function csv(columns, rows) {
  const lines = [columns.map((c) => csvCell(c.name)).join(',')];
  for (const row of rows) lines.push(row.map(csvCell).join(','));
  return `${lines.join('\r\n')}\r\n`;
}

export function ndjson(columns, rows) {
  return rows.map((row) => `${JSON.stringify(Object.fromEntries(columns.map((c, i) => [c.name, row[i]])))}\n`).join('');
}

// A command for a POSIX shell.
export function curl(origin, method, path, body) {
  const words = ['curl', '-s'];
  if (method !== 'GET') words.push('-X', method);
  words.push(quote(`${origin}/api/v1${path}`));
  if (body !== undefined) words.push('-H', quote('Content-Type: application/json'), '-d', quote(JSON.stringify(body)));
  return words.join(' ');
}

function quote(word) {
  return `'${word.replaceAll("'", "'\\''")}'`;
}
