// SPDX-License-Identifier: MIT
// api: the REST interface of docs/rest.md. A failed call throws a Problem, which carries the server's sentence, code
// and hint.

const sentence = (text) => (text ? `${text[0].toUpperCase()}${text.slice(1)}${/[.?!]$/.test(text) ? '' : '.'}` : '');

export class Problem extends Error {
  constructor(body, status) {
    super(body.detail || body.title || `HTTP ${status}`);
    this.status = status;
    this.code = body.code ?? 'unknown';
    this.hint = body.hint ?? '';
    this.errors = body.errors ?? [];
    this.body = body;
  }

  // What is wrong and what to do, as sentences.
  get said() {
    return [sentence(this.message), sentence(this.hint)].filter(Boolean).join(' ');
  }
}

async function problemOf(response) {
  const text = await response.text();
  try {
    return new Problem(JSON.parse(text), response.status);
  } catch {
    return new Problem({ title: text.slice(0, 200) || response.statusText }, response.status);
  }
}

async function send(method, path, body, { signal, headers = {} } = {}) {
  const init = { method, signal, headers: { ...headers } };
  if (body !== undefined) {
    init.headers['Content-Type'] = 'application/json';
    init.body = JSON.stringify(body);
  }
  let response;
  try {
    response = await fetch(`/api/v1${path}`, init);
  } catch (cause) {
    if (cause.name === 'AbortError') throw cause;
    throw new Problem({ title: 'millrace does not answer', code: 'unreachable', hint: 'It may be restarting.' }, 0);
  }
  if (!response.ok) throw await problemOf(response);
  return response;
}

async function json(method, path, body, options) {
  const response = await send(method, path, body, options);
  if (response.status === 204) return null;
  const value = await response.json();
  if (value && typeof value === 'object' && response.headers.get('ETag')) {
    Object.defineProperty(value, 'etag', { value: response.headers.get('ETag'), enumerable: false });
  }
  return value;
}

export const get = (path, options) => json('GET', path, undefined, options);
export const post = (path, body = {}, options) => json('POST', path, body, options);
export const put = (path, body, options) => json('PUT', path, body, options);
export const patch = (path, body, options) => json('PATCH', path, body, options);
export const remove = (path, options) => json('DELETE', path, undefined, options);

export async function text(path, body) {
  const response = await send(body === undefined ? 'GET' : 'POST', path, body);
  return response.text();
}

// Lines of an NDJSON answer, each handed over as it comes. Ends with the answer or the signal.
export async function lines(path, body, onLine, signal) {
  const response = await send('POST', path, body, { signal });
  const reader = response.body.pipeThrough(new TextDecoderStream()).getReader();
  let rest = '';
  for (;;) {
    const { done, value } = await reader.read();
    if (done) break;
    const found = (rest + value).split('\n');
    rest = found.pop();
    for (const line of found) if (line) onLine(JSON.parse(line));
  }
  if (rest) onLine(JSON.parse(rest));
}

export const seg = encodeURIComponent;
