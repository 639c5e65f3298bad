// SPDX-License-Identifier: MIT
// line: the adapter to Chart.js for lines over time. set() takes whole series; the picture follows within a frame or
// two. The x axis ends at the newest server time. No plugin decimates; we thin by least and greatest. The cursor is
// shared: all charts of the page show their values at the same instant, in their legends.

import { h, put, setText } from '../dom.js';
import { clock, span } from '../format.js';
import { thin } from '../ring.js';
import { forget, mark, watch } from './frame.js';

const SHRINK_MS = 30000;
const cursor = new EventTarget();
cursor.t = null;

function moveCursor(t) {
  if (cursor.t === t) return;
  cursor.t = t;
  cursor.dispatchEvent(new Event('move'));
}

export function cssColor(name) {
  return getComputedStyle(document.documentElement).getPropertyValue(name).trim();
}

// #rrggbb with an alpha.
function fade(color, alpha) {
  return (
    color +
    Math.round(alpha * 255)
      .toString(16)
      .padStart(2, '0')
  );
}

// The least of 1, 2, 2.5, 5 x 10^n that is >= x.
export function niceCeil(x) {
  if (!(x > 0)) return 1;
  const power = 10 ** Math.floor(Math.log10(x));
  for (const m of [1, 1.5, 2, 2.5, 3, 4, 5, 6, 8, 10]) if (m * power >= x * 0.9999) return m * power;
  return 10 * power;
}

// Ticks at whole steps of the clock, about five of them.
export function timeTicks(from, to, most = 6) {
  const steps = [1, 2, 5, 10, 15, 30, 60, 120, 180, 300, 600, 900, 1800, 3600, 7200, 14400, 43200, 86400];
  const step = (steps.find((s) => (to - from) / 1000 / s <= most) ?? 86400) * 1000;
  const out = [];
  for (let t = Math.ceil(from / step) * step; t <= to; t += step) out.push({ value: t });
  return out;
}

const crosshair = {
  id: 'crosshair',
  afterDraw(chart) {
    const { x } = chart.scales;
    if (cursor.t === null || cursor.t < x.min || cursor.t > x.max) return;
    const { ctx, chartArea } = chart;
    const px = Math.round(x.getPixelForValue(cursor.t)) + 0.5;
    ctx.save();
    ctx.strokeStyle = chart.ink;
    ctx.globalAlpha = 0.45;
    ctx.beginPath();
    ctx.moveTo(px, chartArea.top);
    ctx.lineTo(px, chartArea.bottom);
    ctx.stroke();
    ctx.restore();
  },
};

function nearest(points, t) {
  let low = 0;
  let high = points.length - 1;
  while (low < high) {
    const mid = (low + high) >> 1;
    if (points[mid].x < t) low = mid + 1;
    else high = mid;
  }
  if (low > 0 && t - points[low - 1].x < points[low].x - t) low -= 1;
  return points[low] ?? null;
}

export class LineChart {
  // options: {title, hint, format(y), tick(y), series: [{key, label, dash?, fill?}], zone, ticks?: dots}
  constructor(options) {
    this.options = options;
    this.series = options.series ?? [];
    this.data = {};
    this.top = null;
    this.topAt = 0;
    this.canvas = h('canvas', { role: 'img', 'aria-label': options.title });
    this.legend = h('div', { class: 'legend' });
    this.at = h('span', { class: 'chart-at' });
    this.note = h('p', { class: 'chart-note', hidden: true });
    this.tableHolder = h('div', { class: 'chart-table', hidden: true, tabindex: '0' });
    this.tableButton = h(
      'button',
      { class: 'link small', 'aria-expanded': 'false', onclick: () => this.toggleTable() },
      'Table',
    );
    this.plot = h('div', { class: 'plot' }, this.canvas, this.note);
    this.element = h(
      'section',
      { class: `card chart${options.tall ? ' chart-tall' : ''}` },
      h('header', {}, h('h2', { title: options.hint ?? '' }, options.title), this.at, this.tableButton),
      this.legend,
      this.plot,
      this.tableHolder,
    );
    this.makeLegend();
    this.canvas.addEventListener('pointermove', (event) => this.hover(event));
    this.canvas.addEventListener('pointerleave', () => moveCursor(null));
    this.onMove = () => this.cursorMoved();
    cursor.addEventListener('move', this.onMove);
    this.onTheme = () => this.restyle();
    document.addEventListener('themechange', this.onTheme);
    watch(this);
  }

  makeLegend() {
    this.values = new Map();
    put(
      this.legend,
      this.series.map((s, i) => {
        const value = h('b', {}, '–');
        this.values.set(s.key, value);
        return h(
          'span',
          { class: 'key', vars: { '--c': `var(--s${(s.color ?? i % 8) + 1})` } },
          h('i', { class: s.dash ? 'swatch dash' : 'swatch' }),
          h('span', { class: 'name' }, s.label),
          value,
        );
      }),
    );
  }

  setSeries(series) {
    if (series.map((s) => s.key).join('\n') === this.series.map((s) => s.key).join('\n')) return;
    this.series = series;
    this.makeLegend();
    if (this.chart) this.chart.data.datasets = this.datasets();
  }

  // data: {key: [{x, y}]}, from and to: the span of the axis in server milliseconds.
  set(data, from, to, note = '') {
    this.data = data;
    this.from = from;
    this.to = to;
    this.noteText = note;
    mark(this);
  }

  datasets() {
    return this.series.map((s, i) => {
      const color = cssColor(`--s${(s.color ?? i % 8) + 1}`);
      return {
        data: [],
        borderColor: color,
        borderWidth: 1.6,
        borderDash: s.dash ? [5, 4] : [],
        pointRadius: this.options.dots ? 2 : 0,
        pointBackgroundColor: color,
        pointBorderWidth: 0,
        pointHitRadius: 0,
        fill: s.fill ? 'origin' : false,
        backgroundColor: fade(color, 0.1),
        spanGaps: false,
        borderJoinStyle: 'round',
      };
    });
  }

  make() {
    const grid = { color: cssColor('--line-soft'), drawTicks: false };
    const font = { family: getComputedStyle(document.body).fontFamily, size: 11 };
    const ticks = { color: cssColor('--muted'), font, maxRotation: 0, padding: 6 };
    const { zone, tick, format } = this.options;
    this.chart = new window.Chart(this.canvas, {
      type: 'line',
      data: { datasets: this.datasets() },
      plugins: [crosshair],
      options: {
        animation: false,
        parsing: false,
        normalized: true,
        responsive: true,
        maintainAspectRatio: false,
        events: [],
        devicePixelRatio: Math.min(2, window.devicePixelRatio || 1),
        layout: { padding: { top: 4, right: 2 } },
        plugins: { legend: { display: false }, tooltip: { enabled: false }, decimation: { enabled: false } },
        scales: {
          x: {
            type: 'linear',
            grid: { display: false },
            border: { color: cssColor('--line') },
            afterBuildTicks: (axis) => {
              axis.ticks = timeTicks(axis.min, axis.max, axis.width < 320 ? 3 : 6);
            },
            ticks: { ...ticks, callback: (value) => this.timeLabel(value, zone?.() ?? 'local') },
          },
          y: {
            min: 0,
            grid,
            border: { display: false },
            ticks: { ...ticks, maxTicksLimit: 5, callback: (value) => (tick ?? format)(value) },
          },
        },
      },
    });
    this.chart.ink = cssColor('--ink');
  }

  timeLabel(value, zone) {
    const text = clock(value, zone);
    return this.to - this.from > 240000 ? text.slice(0, 5) : text;
  }

  restyle() {
    if (!this.chart) return;
    this.chart.destroy();
    this.chart = null;
    mark(this);
  }

  draw() {
    if (this.from === undefined || !window.Chart) return;
    if (!this.chart) this.make();
    const { chart } = this;
    const width = this.canvas.clientWidth || 400;
    let peak = 0;
    let any = false;
    this.series.forEach((s, i) => {
      const points = this.data[s.key] ?? [];
      for (const p of points) {
        if (p.y !== null && p.x >= this.from) {
          any = true;
          if (p.y > peak) peak = p.y;
        }
      }
      chart.data.datasets[i].data = thin(points, width);
    });
    this.fitTop(peak);
    chart.options.scales.x.min = this.from;
    chart.options.scales.x.max = this.to;
    chart.options.scales.y.max = this.top;
    chart.update('none');
    this.note.hidden = any && !this.noteText;
    setText(this.note, this.noteText || (any ? '' : 'No points yet in this span.'));
    this.showValues();
    if (!this.tableHolder.hidden && cursor.t === null) this.showTable();
  }

  // What is drawn next is another thing: its axis fits at once.
  refit() {
    this.top = null;
  }

  // Grows at once and shrinks after 30 s, so that the axis does not jump.
  fitTop(peak) {
    const wanted = niceCeil(Math.max(peak * 1.08, this.options.least ?? 0));
    const now = performance.now();
    if (this.top === null || wanted > this.top) {
      this.top = wanted;
      this.topAt = now;
    } else if (wanted >= this.top * 0.8) {
      this.topAt = now;
    } else if (now - this.topAt > SHRINK_MS) {
      this.top = wanted;
      this.topAt = now;
    }
  }

  valueAt(key, t) {
    const points = this.data[key] ?? [];
    if (t !== null) return nearest(points, t)?.y ?? null;
    for (let i = points.length - 1; i >= Math.max(0, points.length - 5); i -= 1)
      if (points[i].y !== null) return points[i].y;
    return null;
  }

  showValues() {
    const spoken = [];
    for (const s of this.series) {
      const y = this.valueAt(s.key, cursor.t);
      const text = y === null ? '–' : this.options.format(y);
      setText(this.values.get(s.key), text);
      spoken.push(`${s.label} ${text}`);
    }
    const zone = this.options.zone?.() ?? 'local';
    setText(this.at, cursor.t !== null && cursor.t >= this.from && cursor.t <= this.to ? clock(cursor.t, zone) : '');
    if (cursor.t === null) {
      this.canvas.setAttribute(
        'aria-label',
        `${this.options.title}, last ${span(this.to - this.from)}: ${spoken.join(', ')}`,
      );
    }
  }

  hover(event) {
    if (!this.chart || event.pointerType === 'touch') return;
    const t = this.chart.scales.x.getValueForPixel(event.offsetX);
    moveCursor(t < this.from || t > this.to ? null : t);
  }

  cursorMoved() {
    if (!this.chart) return;
    this.showValues();
    this.chart.draw();
  }

  toggleTable() {
    const open = this.tableHolder.hidden;
    this.tableHolder.hidden = !open;
    this.plot.hidden = open;
    this.tableButton.setAttribute('aria-expanded', String(open));
    setText(this.tableButton, open ? 'Chart' : 'Table');
    if (open) this.showTable();
    else mark(this);
  }

  showTable() {
    const times = new Set();
    for (const s of this.series)
      for (const p of this.data[s.key] ?? []) if (p.y !== null && p.x >= this.from) times.add(p.x);
    const rows = [...times].sort((a, b) => b - a).slice(0, 30);
    const zone = this.options.zone?.() ?? 'local';
    put(
      this.tableHolder,
      h(
        'table',
        { class: 'data' },
        h(
          'thead',
          {},
          h(
            'tr',
            {},
            h('th', { scope: 'col' }, 'Time'),
            this.series.map((s) => h('th', { scope: 'col', class: 'num' }, s.label)),
          ),
        ),
        h(
          'tbody',
          {},
          rows.map((t) =>
            h(
              'tr',
              {},
              h('td', {}, clock(t, zone)),
              this.series.map((s) => {
                const p = (this.data[s.key] ?? []).find((q) => q.x === t);
                return h('td', { class: 'num' }, !p || p.y === null ? '–' : this.options.format(p.y));
              }),
            ),
          ),
        ),
      ),
    );
    this.tableHolder.setAttribute('aria-label', `${this.options.title} as a table`);
  }

  destroy() {
    forget(this);
    cursor.removeEventListener('move', this.onMove);
    document.removeEventListener('themechange', this.onTheme);
    this.chart?.destroy();
    this.chart = null;
  }
}
