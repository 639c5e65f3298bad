// SPDX-License-Identifier: MIT
// ring: series of one point per step, of fixed capacity, over time that only the server's clock measures. Pure.

// Columns of numbers over one time column. A point is overwritten when its time comes again; a hole in time stays a
// hole (NaN), so that a chart draws a gap.
export class Ring {
  constructor(capacity) {
    this.capacity = capacity;
    this.times = new Float64Array(capacity);
    this.columns = new Map();
    this.start = 0;
    this.size = 0;
  }

  clear() {
    this.start = 0;
    this.size = 0;
  }

  column(name) {
    let values = this.columns.get(name);
    if (!values) {
      values = new Float64Array(this.capacity).fill(NaN);
      this.columns.set(name, values);
    }
    return values;
  }

  get last() {
    return this.size ? this.times[(this.start + this.size - 1) % this.capacity] : null;
  }

  get first() {
    return this.size ? this.times[this.start] : null;
  }

  // Where t is, or is to be: times only grow, and an older one than the newest must be there already (-1: it is not).
  place(t) {
    const last = this.last;
    if (last === null || t > last) {
      const at = (this.start + this.size) % this.capacity;
      if (this.size === this.capacity) this.start = (this.start + 1) % this.capacity;
      else this.size += 1;
      this.times[at] = t;
      for (const values of this.columns.values()) values[at] = NaN;
      return at;
    }
    for (let i = this.size - 1; i >= 0; i -= 1) {
      const at = (this.start + i) % this.capacity;
      if (this.times[at] === t) return at;
      if (this.times[at] < t) return -1;
    }
    return -1;
  }

  push(t, values) {
    const at = this.place(t);
    if (at < 0) return;
    for (const [name, value] of Object.entries(values)) this.column(name)[at] = value ?? NaN;
  }

  // The wire's form: {t0, step_ms, series: {name: [..]}}.
  append(block) {
    const t0 = typeof block.t0 === 'number' ? block.t0 : Date.parse(block.t0);
    const names = Object.keys(block.series);
    const n = Math.max(0, ...names.map((name) => block.series[name].length));
    for (const name of names) this.column(name);
    for (let i = 0; i < n; i += 1) {
      // Time before the first value is not a gap: it is before the beginning.
      if (!this.size && names.every((name) => (block.series[name][i] ?? null) === null)) continue;
      const at = this.place(t0 + i * block.step_ms);
      if (at < 0) continue;
      for (const name of names) this.columns.get(name)[at] = block.series[name][i] ?? NaN;
    }
  }

  // Points {x, y} from a time on. y is null in gaps: where there was no value, and between points further apart than
  // gapMs.
  points(name, from = -Infinity, gapMs = Infinity) {
    const values = this.columns.get(name);
    const out = [];
    if (!values) return out;
    let before = NaN;
    for (let i = 0; i < this.size; i += 1) {
      const at = (this.start + i) % this.capacity;
      const x = this.times[at];
      if (x < from) continue;
      if (x - before > gapMs) out.push({ x: before + 1, y: null });
      out.push({ x, y: Number.isNaN(values[at]) ? null : values[at] });
      before = x;
    }
    return out;
  }

  newest(name) {
    const values = this.columns.get(name);
    if (!values || !this.size) return null;
    const value = values[(this.start + this.size - 1) % this.capacity];
    return Number.isNaN(value) ? null : value;
  }
}

// The span that charts show: the last rangeMs, but while there is less than that, only what there is, and a minute at
// least. So a millrace that has just started fills its charts.
export function timeSpan(rings, rangeMs) {
  const filled = rings.filter((r) => r.size);
  if (!filled.length) return null;
  const to = Math.max(...filled.map((r) => r.last));
  const first = Math.min(...filled.map((r) => r.first));
  return { from: Math.max(to - rangeMs, Math.min(first, to - 60000)), to };
}

// At most about max points: of each bucket the least and the greatest, in order, so that no peak is lost. A gap stays.
export function thin(points, max) {
  if (points.length <= max) return points;
  const width = Math.ceil(points.length / (max / 2));
  const out = [];
  for (let i = 0; i < points.length; i += width) {
    let low = null;
    let high = null;
    let gap = null;
    for (let j = i; j < Math.min(i + width, points.length); j += 1) {
      const p = points[j];
      if (p.y === null) gap = p;
      else {
        if (low === null || p.y < low.y) low = p;
        if (high === null || p.y > high.y) high = p;
      }
    }
    const kept = [low, high === low ? null : high, gap].filter((p) => p !== null);
    out.push(...kept.sort((a, b) => a.x - b.x));
  }
  return out;
}

// The newest rows, at most capacity. Appending many costs no more than copying them.
export class Rows {
  constructor(capacity) {
    this.capacity = capacity;
    this.rows = [];
    this.seen = 0;
  }

  append(rows) {
    this.seen += rows.length;
    if (rows.length >= this.capacity) {
      this.rows = rows.slice(rows.length - this.capacity);
      return;
    }
    const over = this.rows.length + rows.length - this.capacity;
    // Drop a quarter at a time: a shift per frame would move ten thousand references every time.
    if (over > 0) this.rows.splice(0, Math.min(this.rows.length, Math.max(over, this.capacity >> 2)));
    for (const row of rows) this.rows.push(row);
  }

  clear() {
    this.rows = [];
  }
}
