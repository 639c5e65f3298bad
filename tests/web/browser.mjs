// SPDX-License-Identifier: MIT
// browser: headless Chromium over the DevTools protocol, with what Node has: no test framework, no driver.

import { spawn } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { existsSync, mkdtempSync, rmSync } from 'node:fs';
import { request } from 'node:http';
import { tmpdir } from 'node:os';
import { delimiter, join } from 'node:path';

export function chromium() {
  for (const name of ['chromium', 'chromium-browser', 'google-chrome', 'google-chrome-stable']) {
    for (const folder of (process.env.PATH ?? '').split(delimiter))
      if (existsSync(join(folder, name))) return join(folder, name);
  }
  return null;
}

// A WebSocket client, as small as the protocol allows: Node 20 has none without a flag.
class Client {
  constructor(socket, head) {
    this.socket = socket;
    this.chunks = [];
    this.size = 0;
    this.parts = [];
    socket.on('data', (chunk) => this.read(chunk));
    socket.on('error', () => {});
    if (head.length) this.read(head);
  }

  static open(url) {
    return new Promise((resolve, reject) => {
      const { hostname, port, pathname } = new URL(url);
      const ask = request({
        hostname,
        port,
        path: pathname,
        headers: {
          Connection: 'Upgrade',
          Upgrade: 'websocket',
          'Sec-WebSocket-Version': 13,
          'Sec-WebSocket-Key': randomBytes(16).toString('base64'),
        },
      });
      ask.on('upgrade', (response, socket, head) => resolve(new Client(socket, head)));
      ask.on('error', reject);
      ask.end();
    });
  }

  send(text) {
    const data = Buffer.from(text);
    const n = data.length;
    const head = Buffer.alloc(n < 126 ? 6 : n < 65536 ? 8 : 14);
    head[0] = 0x81;
    if (n < 126) head[1] = 0x80 | n;
    else if (n < 65536) {
      head[1] = 0xfe;
      head.writeUInt16BE(n, 2);
    } else {
      head[1] = 0xff;
      head.writeBigUInt64BE(BigInt(n), 2);
    }
    this.socket.write(Buffer.concat([head, data])); // a mask of zeros
  }

  read(chunk) {
    this.chunks.push(chunk);
    this.size += chunk.length;
    while (this.size >= 2) {
      const b = this.chunks.length === 1 ? this.chunks[0] : Buffer.concat(this.chunks);
      this.chunks = [b];
      let n = b[1] & 127;
      let at = 2;
      if (n === 126) {
        if (b.length < 4) return;
        n = b.readUInt16BE(2);
        at = 4;
      } else if (n === 127) {
        if (b.length < 10) return;
        n = Number(b.readBigUInt64BE(2));
        at = 10;
      }
      if (b.length < at + n) return;
      const code = b[0] & 15;
      if (code < 3) this.parts.push(b.subarray(at, at + n));
      if (code < 3 && b[0] & 0x80) {
        const text = Buffer.concat(this.parts).toString();
        this.parts = [];
        this.onmessage?.(text);
      }
      const rest = b.subarray(at + n);
      this.chunks = [rest];
      this.size = rest.length;
    }
  }

  close() {
    this.socket.destroy();
  }
}

export class Page {
  constructor(client) {
    this.client = client;
    this.next = 1;
    this.waiting = new Map();
    this.problems = []; // console errors, exceptions, violations of the policy
    this.ignored = []; // patterns of problems that a test expects
    client.onmessage = (text) => this.got(JSON.parse(text));
  }

  got(m) {
    if (m.id) {
      const { resolve, reject } = this.waiting.get(m.id);
      this.waiting.delete(m.id);
      if (m.error) reject(new Error(m.error.message));
      else resolve(m.result);
      return;
    }
    const p = m.params;
    if (m.method === 'Runtime.exceptionThrown')
      this.problem(p.exceptionDetails.exception?.description ?? p.exceptionDetails.text);
    else if (m.method === 'Runtime.consoleAPICalled' && (p.type === 'error' || p.type === 'warning'))
      this.problem(p.args.map((a) => a.value ?? a.description).join(' '));
    else if (m.method === 'Log.entryAdded' && p.entry.level !== 'verbose' && p.entry.level !== 'info')
      this.problem(`${p.entry.text} ${p.entry.url ?? ''}`);
  }

  problem(text) {
    if (!this.ignored.some((pattern) => pattern.test(text))) this.problems.push(text);
  }

  call(method, params = {}) {
    const id = this.next;
    this.next += 1;
    return new Promise((resolve, reject) => {
      this.waiting.set(id, { resolve, reject });
      this.client.send(JSON.stringify({ id, method, params }));
    });
  }

  async start({ width = 1440, height = 900, dark = false, reduced = false, mobile = false } = {}) {
    for (const domain of ['Page', 'Runtime', 'Log']) await this.call(`${domain}.enable`);
    await this.call('Performance.enable', { timeDomain: 'threadTicks' });
    await this.call('Emulation.setFocusEmulationEnabled', { enabled: true });
    await this.call('Runtime.setAsyncCallStackDepth', { maxDepth: 4 });
    await this.size(width, height, mobile);
    await this.theme(dark, reduced);
  }

  size(width, height, mobile = false) {
    return this.call('Emulation.setDeviceMetricsOverride', { width, height, deviceScaleFactor: 1, mobile });
  }

  theme(dark, reduced = false) {
    return this.call('Emulation.setEmulatedMedia', {
      features: [
        { name: 'prefers-color-scheme', value: dark ? 'dark' : 'light' },
        { name: 'prefers-reduced-motion', value: reduced ? 'reduce' : 'no-preference' },
      ],
    });
  }

  go(url) {
    return this.call('Page.navigate', { url });
  }

  // The value of an expression (promises are waited for).
  async eval(expression) {
    const r = await this.call('Runtime.evaluate', { expression, awaitPromise: true, returnByValue: true });
    if (r.exceptionDetails) throw new Error(r.exceptionDetails.exception?.description ?? r.exceptionDetails.text);
    return r.result.value;
  }

  // Until an expression is true; the deadline names it.
  async until(expression, ms = 15000) {
    const end = Date.now() + ms;
    for (;;) {
      let value = null;
      try {
        value = await this.eval(expression);
      } catch (e) {
        if (Date.now() > end) throw e;
      }
      if (value) return value;
      if (Date.now() > end)
        throw new Error(
          `not within ${ms} ms: ${expression}\npage says: ${await this.eval('document.body.innerText.slice(0, 600)')}`,
        );
      await sleep(50);
    }
  }

  text() {
    return this.eval('document.querySelector("main").innerText');
  }

  async key(key, { ctrl = false, shift = false } = {}) {
    const codes = { Tab: 9, Enter: 13, Escape: 27, ' ': 32, ArrowDown: 40, ArrowUp: 38, ArrowRight: 39, ArrowLeft: 37 };
    const text = key === 'Enter' ? '\r' : key.length === 1 ? key : undefined;
    const base = {
      key,
      code: key.length === 1 && /[a-z]/i.test(key) ? `Key${key.toUpperCase()}` : key,
      windowsVirtualKeyCode: codes[key] ?? key.toUpperCase().charCodeAt(0),
      modifiers: (ctrl ? 2 : 0) | (shift ? 8 : 0),
    };
    await this.call('Input.dispatchKeyEvent', { type: 'keyDown', ...base, text: ctrl ? undefined : text });
    await this.call('Input.dispatchKeyEvent', { type: 'keyUp', ...base });
  }

  async screenshot() {
    const { data } = await this.call('Page.captureScreenshot', { format: 'png' });
    return Buffer.from(data, 'base64');
  }
}

export const sleep = (ms) => new Promise((resolve) => setTimeout(resolve, ms));

// Starts the browser; page() opens one more. close() ends it and removes its folder.
export async function launch() {
  const folder = mkdtempSync(join(tmpdir(), 'millrace-web-'));
  const child = spawn(
    chromium(),
    [
      '--headless=new',
      '--no-sandbox',
      '--disable-gpu',
      '--disable-dev-shm-usage',
      '--hide-scrollbars',
      '--no-first-run',
      '--remote-debugging-port=0',
      `--user-data-dir=${folder}`,
      'about:blank',
    ],
    { stdio: ['ignore', 'ignore', 'pipe'] },
  );
  const url = await new Promise((resolve, reject) => {
    let said = '';
    child.stderr.on('data', (chunk) => {
      said += chunk;
      const m = /DevTools listening on (ws:\S+)/.exec(said);
      if (m) resolve(m[1]);
    });
    child.on('exit', () => reject(new Error(`the browser ended: ${said.slice(-400)}`)));
    setTimeout(() => reject(new Error(`the browser does not start: ${said.slice(-400)}`)), 60000).unref();
  });
  const { host } = new URL(url);
  return {
    async page(options) {
      const target = await new Promise((resolve, reject) => {
        const ask = request(`http://${host}/json/new?about:blank`, { method: 'PUT' }, async (response) => {
          let text = '';
          for await (const chunk of response) text += chunk;
          resolve(JSON.parse(text));
        });
        ask.on('error', reject);
        ask.end();
      });
      const page = new Page(await Client.open(target.webSocketDebuggerUrl));
      page.close = async () => {
        await page.call('Page.close').catch(() => {});
        page.client.close();
      };
      await page.start(options);
      return page;
    },
    async close() {
      const ended = new Promise((resolve) => child.on('exit', resolve));
      child.kill('SIGTERM');
      await Promise.race([ended, sleep(5000).then(() => child.kill('SIGKILL'))]);
      await sleep(200);
      rmSync(folder, { recursive: true, force: true, maxRetries: 3 });
    },
  };
}
