// SPDX-License-Identifier: MIT
// soak: a page under steady load for long. Six charts of a query at 10 Hz; how long the main thread is held, and
// whether its heap stays flat.
//
//   ./dev soak --browser [--minutes 10]     prints one JSON line; exit code 1 when a bound breaks
//
// The short form is soak.test.mjs. The heap is read after a collection; the charts keep their last 1,000 points, so it
// grows until those rings are full (100 s) and must be flat from then on.

import { fileURLToPath } from 'node:url';
import { launch, sleep } from './browser.mjs';
import { serve } from './mock.mjs';

const RINGS_FULL_S = 110;

// Times every animation-frame callback and every long task of the page from its first line on.
export const METER = `
  window.meter = { frames: [], long: [] };
  const ask = window.requestAnimationFrame;
  window.requestAnimationFrame = (run) => ask((t) => {
    const from = performance.now();
    run(t);
    window.meter.frames.push(performance.now() - from);
  });
  new PerformanceObserver((list) => list.getEntries().forEach((e) => window.meter.long.push(e.duration)))
    .observe({ type: 'longtask' });`;

export const rank = (list, share) =>
  [...list].sort((a, b) => a - b)[Math.min(list.length - 1, Math.floor(list.length * share))];

// What the main thread did, in seconds of its own processor time: other work on the machine does not count.
async function cpu(page) {
  const { metrics } = await page.call('Performance.getMetrics');
  return metrics.find((m) => m.name === 'TaskDuration').value;
}

async function heap(page) {
  await page.call('HeapProfiler.collectGarbage');
  return (await page.call('Runtime.getHeapUsage')).usedSize / 1e6;
}

// Watches six charts at 10 Hz; stops between samples leave the page alone.
export async function soak(browser, seconds) {
  const server = await serve({ hz: 10 });
  const page = await browser.page({ height: 2400 });
  try {
    await page.call('Page.addScriptToEvaluateOnNewDocument', { source: METER });
    await page.go(`http://127.0.0.1:${server.port}/#/queries/campaign_views?tab=health`);
    await page.until('document.querySelectorAll(".chart canvas").length === 6 && window.meter.frames.length > 20');
    const all = { frames: [], long: [] };
    const heaps = [];
    const end = Date.now() + seconds * 1000;
    let used = 0;
    while (Date.now() < end) {
      await page.eval('window.meter.frames.length = 0; window.meter.long.length = 0');
      const from = await cpu(page);
      await sleep(Math.min(10000, Math.max(1000, end - Date.now())));
      used += (await cpu(page)) - from;
      const { frames, long } = await page.eval('window.meter');
      all.frames.push(...frames);
      all.long.push(...long);
      heaps.push(await heap(page)); // a collection of its own is no long task of the page
    }
    const full = heaps.slice(Math.min(Math.floor(RINGS_FULL_S / 10), Math.floor(heaps.length / 2)));
    const half = Math.floor(full.length / 2);
    const [early, late] = [rank(full.slice(0, half + 1), 0.5), rank(full.slice(half), 0.5)];
    return {
      measure: 'browser',
      seconds,
      charts_drawn: all.frames.length,
      processor_ms_each: round((used / all.frames.length) * 1000),
      frame_p50_ms: round(rank(all.frames, 0.5)),
      frame_p95_ms: round(rank(all.frames, 0.95)),
      long_tasks: all.long.length,
      long_tasks_per_minute: round((all.long.length / seconds) * 60),
      heap_mb: heaps.map((mb) => round(mb)),
      heap_growth: round(late / early, 3),
      problems: page.problems,
    };
  } finally {
    await page.close();
    await server.close();
  }
}

const round = (x, digits = 1) => Number(x.toFixed(digits));

async function main() {
  const at = process.argv.indexOf('--minutes');
  const minutes = at < 0 ? 10 : Number(process.argv[at + 1]);
  const browser = await launch();
  const result = await soak(browser, minutes * 60).finally(() => browser.close());
  console.log(JSON.stringify(result));
  const good = result.frame_p95_ms <= 50 && result.heap_growth <= 1.1 && result.problems.length === 0;
  process.exit(good ? 0 : 1);
}

if (process.argv[1] === fileURLToPath(import.meta.url)) await main();
