// SPDX-License-Identifier: MIT
// real: the story of a first evening, in a browser, on the real program with its own broker: two clicks to moving
// rows, the producer's rate, stop and start, late and malformed rows with their place, kill -9 and a page that
// recovers with counts that agree. Program: MILLRACE_BIN, else build/release/millrace.

import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { createHash } from 'node:crypto';
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { homedir, tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { after, before, test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { chromium, launch, sleep } from './browser.mjs';

const TOP = join(dirname(fileURLToPath(import.meta.url)), '../..');
const BIN = process.env.MILLRACE_BIN ?? join(TOP, 'build/release/millrace');
const CACHE = process.env.XDG_CACHE_HOME || join(homedir(), '.cache');
const AXE = join(CACHE, 'millrace/src/axe-core-4.14.1/axe.min.js');
const skip = !existsSync(BIN) ? `no ${BIN}` : chromium() ? false : 'no Chromium: ./dev setup --web';

const folder = skip ? null : mkdtempSync(join(tmpdir(), 'millrace-real-'));
const children = new Set();
let browser;
let page;
let broker;
let server;
let port;

function freePort() {
  return new Promise((resolve) => {
    const s = createServer().listen(0, '127.0.0.1', () => {
      const { port: found } = s.address();
      s.close(() => resolve(found));
    });
  });
}

// Starts the program; resolves with the process once it has said what it should on stdout or stderr.
function start(args, pattern) {
  return new Promise((resolve, reject) => {
    const child = spawn(BIN, args, { cwd: folder, stdio: ['ignore', 'pipe', 'pipe'] });
    children.add(child);
    let said = '';
    const hear = (chunk) => {
      said += chunk;
      const match = pattern.exec(said);
      if (match) resolve({ child, match, said: () => said });
    };
    child.stdout.on('data', hear);
    child.stderr.on('data', hear);
    child.on('exit', (code) => {
      children.delete(child);
      reject(new Error(`${args.join(' ')} ended with ${code}: ${said.slice(-600)}`));
    });
    setTimeout(() => reject(new Error(`${args.join(' ')} says nothing: ${said}`)), 30000).unref();
  });
}

const serve = async () => {
  server = await start(['serve', '--listen', `127.0.0.1:${port}`], /ready|serves/);
};

async function kill(child, signal) {
  const ended = new Promise((resolve) => child.once('exit', (code, how) => resolve(code ?? how)));
  child.kill(signal);
  return ended;
}

const api = async (path, options) => (await fetch(`http://127.0.0.1:${port}/api/v1${path}`, options)).json();
const status = () => api('/queries/ad_views/status');

// Effects behind rows that are in the table, since the query was made: what a crash must not change.
const written = (s) => s.ledger?.effects.written ?? 0;

async function press(label) {
  await page.until(`[...document.querySelectorAll('main button')].some((b) => !b.closest('[hidden]') &&
    b.innerText.trim() === ${JSON.stringify(label)})`);
  await page.eval(`[...document.querySelectorAll('main button')].find((b) => !b.closest('[hidden]') &&
    b.innerText.trim() === ${JSON.stringify(label)}).click()`);
}

before(async () => {
  if (skip) return;
  browser = await launch();
  page = await browser.page();
  page.ignored.push(/WebSocket connection to .* failed/, /ERR_CONNECTION_REFUSED/);
  port = await freePort();
  broker = (await start(['broker'], /127\.0\.0\.1:\d+/)).match[0];
  await serve();
});

after(async () => {
  await browser?.close();
  for (const child of children) child.kill('SIGKILL');
  await sleep(200);
  if (folder) rmSync(folder, { recursive: true, force: true });
});

test('two clicks to moving rows', { skip }, async (t) => {
  await page.go(`http://127.0.0.1:${port}/`);
  await page.until('document.querySelector("#first-servers")');
  await page.eval(`document.querySelector('#first-servers').value = ${JSON.stringify(broker)}`);
  await press('Create the producer');
  await page.until('document.querySelector("main").innerText.includes("It sends.")');
  const from = performance.now();
  await press('Create the query');
  await page.until('location.hash === "#/queries/ad_views"');
  await page.until('document.querySelectorAll(".grid-row").length > 0', 60000);
  t.diagnostic(`first rows ${((performance.now() - from) / 1000).toFixed(1)} s after the click (windows of 10 s)`);
  assert.deepEqual(page.problems, []);
});

test('every screen is quiet on the real thing', { skip }, async (t) => {
  const axe = existsSync(AXE) ? readFileSync(AXE, 'utf8') : null;
  const tabs = ['live', 'health', 'commits', 'errors', 'plan', 'sql'].map((tab) => `#/queries/ad_views?tab=${tab}`);
  const rest = [
    'overview',
    'queries',
    'sources',
    'producers',
    'tables',
    'tables/ad_views',
    'errors',
    'events',
    'system',
  ];
  const { ok } = await fetch(`http://127.0.0.1:${port}/api/v1/tables`);
  if (!ok) t.diagnostic('this build has no tables');
  for (const hash of [...tabs, ...rest.filter((s) => ok || !s.startsWith('tables')).map((s) => `#/${s}`)]) {
    await page.eval(`location.hash = ${JSON.stringify(hash)}`);
    await sleep(1200);
    assert.equal(await page.eval('document.querySelectorAll("main h1").length'), 1, hash);
    assert.doesNotMatch(await page.text(), /undefined|NaN|\[object/, hash);
    if (!axe) continue;
    if (!(await page.eval('typeof axe === "object"'))) await page.eval(`${axe}; 1`);
    const found = await page.eval(
      `axe.run(document).then((r) => r.violations.map((v) => v.id + ' ' + v.nodes[0].target.join(' ')))`,
    );
    assert.deepEqual(found, [], hash);
  }
  assert.deepEqual(page.problems, []);
});

test('the rate of the producer is felt within a second or two', { skip }, async () => {
  await page.eval('location.hash = "#/producers"');
  await page.until('document.querySelector(".rate .rate-box")');
  await page.eval(`(() => {
    const box = document.querySelector('.rate .rate-box');
    box.value = '500';
    box.dispatchEvent(new Event('change', { bubbles: true }));
  })()`);
  await page.until(`/^(\\d{3}|4\\d\\d|5\\d\\d)\\/s$/.test(document.querySelector('table.data tbody')
    .innerText.split(/\\s+/).find((x) => x.endsWith('/s')))`);
  assert.equal((await api('/producers/demo-ads')).rate, 500);
});

test('late and malformed rows are shown with their place', { skip }, async () => {
  await page.eval('location.hash = "#/queries/ad_views?tab=errors"');
  await page.until('document.querySelectorAll(".sample").length > 0', 30000);
  assert.match(await page.eval('document.querySelector(".sample .mono").innerText'), /^ads \/ \d+ \/ \d+$/);
});

test('stop and start by the page', { skip }, async () => {
  await page.eval('location.hash = "#/queries/ad_views"');
  await press('Stop');
  await page.until('document.querySelector(".page-head .state").innerText === "Stopped"', 30000);
  assert.equal((await status()).state, 'stopped');
  await press('Start');
  await page.until('document.querySelector(".page-head .state").innerText === "Running"', 30000);
});

test('kill -9, start again: the page recovers by itself and the counts agree', { skip }, async () => {
  await page.eval('location.hash = "#/queries/ad_views?tab=health"');
  await page.until('document.querySelector(".connection.tone-ok")');
  const first = await status();
  await kill(server.child, 'SIGKILL');
  await page.until('document.body.classList.contains("stale")');
  await page.until('document.querySelector(".banner").innerText.includes("No connection")');
  await serve();
  await page.until(
    '!document.body.classList.contains("stale") && document.querySelector(".connection.tone-ok")',
    40000,
  );
  await page.until('document.querySelector(".page-head .state").innerText === "Running"', 30000);
  const end = Date.now() + 40000;
  let now = await status();
  while (Date.now() < end && !(written(now) > written(first))) {
    await sleep(500);
    now = await status();
  }
  assert.ok(written(now) > written(first), `rows go on: ${written(first)}, then ${written(now)}`);
  assert.ok(now.ledger.records.read > first.ledger.records.read);
  assert.equal(now.ledger.balanced, true);
  const { read, rejected, filtered, no_event_time: noTime, no_partner: noPartner, future, passed } = now.ledger.records;
  assert.equal(read, rejected + filtered + noTime + noPartner + future + passed);
  assert.equal(await page.eval('document.querySelectorAll(".equation .verdict.tone-ok").length'), 2);
});

test('SIGTERM: the program ends by itself, orderly', { skip }, async () => {
  assert.equal(await kill(server.child, 'SIGTERM'), 0);
});

test('a service with tokens: the page asks for one, says when it is wrong, and then shows all', { skip }, async () => {
  const token = 'a-token-for-this-test-only-a-token-for-this';
  writeFileSync(join(folder, 'tokens'), `eve viewer sha256:${createHash('sha256').update(token).digest('hex')}\n`);
  const flags = ['--listen', '127.0.0.1:0', '--state-dir', 'guarded', '--token-file', 'tokens'];
  const guarded = await start(['serve', ...flags], /ready in .*?(http:\/\/\S+)/);
  const other = await browser.page();
  other.ignored.push(/WebSocket connection to .* failed/, /401 \(Unauthorized\)/);
  await other.go(guarded.match[1]);
  await other.until('document.querySelector("dialog #token")');
  assert.match(await other.eval('document.querySelector(".banner").innerText'), /A token is needed/);
  const enter = async (text) => {
    await other.eval('document.querySelector("#token").select()');
    await other.call('Input.insertText', { text });
    await other.key('Enter');
  };
  await enter('a wrong one');
  await other.until('document.querySelector("dialog").innerText.includes("is not known")');
  await enter(token);
  await other.until('document.querySelector(".connection").innerText.startsWith("live")');
  assert.equal(await other.eval('document.querySelector("dialog")'), null);
  const leave = 'document.querySelector("[aria-label=\'Sign out\']")';
  assert.equal(await other.eval(`${leave}.title`), 'Sign out (eve)');
  await other.eval(`${leave}.click()`);
  await other.until('document.querySelector("dialog #token")');
  assert.equal(await other.eval('fetch("/api/v1/info").then((r) => r.status)'), 401);
  assert.equal(await other.eval(`${leave}.hidden`), true);
  await enter(token);
  await other.until(`${leave} && !${leave}.hidden`);
  assert.deepEqual(other.problems, []);
  await other.close();
  assert.equal(await kill(guarded.child, 'SIGTERM'), 0);
});
