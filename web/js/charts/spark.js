// SPDX-License-Identifier: MIT
// spark: a line without axes, as one SVG path; cheap enough for a table row.

import { svg } from '../dom.js';

const WIDTH = 100;
const HEIGHT = 24;

export function sparkPath(points, from, to) {
  let peak = 0;
  for (const p of points) if (p.y !== null && p.y > peak) peak = p.y;
  let path = '';
  let pen = 'M';
  for (const p of points) {
    if (p.y === null || p.x < from) {
      pen = 'M';
      continue;
    }
    const x = ((p.x - from) / Math.max(1, to - from)) * WIDTH;
    const y = HEIGHT - 2 - (peak ? (p.y / peak) * (HEIGHT - 4) : 0);
    path += `${pen}${x.toFixed(1)} ${y.toFixed(1)}`;
    pen = 'L';
  }
  return path;
}

export function makeSpark() {
  const path = svg('path', { class: 'spark-line' });
  const element = svg(
    'svg',
    { class: 'spark', viewBox: `0 0 ${WIDTH} ${HEIGHT}`, preserveAspectRatio: 'none', 'aria-hidden': 'true' },
    path,
  );
  return { element, set: (points, from, to) => path.setAttribute('d', sparkPath(points, from, to)) };
}
