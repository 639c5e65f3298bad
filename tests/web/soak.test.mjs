// SPDX-License-Identifier: MIT
// soak: a minute of six charts at 10 Hz; ten of them are ./dev soak --browser.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { chromium, launch } from './browser.mjs';
import { soak } from './soak.mjs';

const skip = chromium() ? false : 'no Chromium: ./dev setup --web';

test('a minute of six charts at 10 Hz: the main thread is left alone, the heap stays small', { skip }, async (t) => {
  const browser = await launch();
  t.after(() => browser.close());
  const seen = await soak(browser, 60);
  t.diagnostic(JSON.stringify(seen));
  assert.ok(seen.charts_drawn > 300, 'charts move');
  assert.ok(seen.processor_ms_each <= 30, `${seen.processor_ms_each} ms`); // about 9 on a quiet machine
  assert.ok(Math.max(...seen.heap_mb) <= 40, `heap ${seen.heap_mb}`);
  assert.ok(seen.heap_growth <= 1.5, `heap ${seen.heap_mb}`); // the rings still fill
  assert.deepEqual(seen.problems, []);
});
