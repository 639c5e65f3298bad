// SPDX-License-Identifier: MIT
// main: the shell around the views: top bar, navigation, routes in the hash, keys, toasts. Knows every view; nothing
// knows main.

import { get } from './api.js';
import { h, icon, put, setAttr, setClass, setIcon, setText, svg } from './dom.js';
import { span } from './format.js';
import { LEVEL_ICON } from './parts/state.js';
import { makeStore } from './store.js';

const NAV = [
  ['overview', 'Overview', 'o'],
  ['queries', 'Queries', 'q'],
  ['sources', 'Sources', 's'],
  ['producers', 'Producers', 'p'],
  ['tables', 'Tables', 't'],
  ['errors', 'Errors', 'e'],
  ['events', 'Events', 'v'],
  ['system', 'System', 'y'],
];
const SECTIONS = new Set(NAV.map(([section]) => section));
const RANGES = [
  [60, '1m', '1 minute'],
  [300, '5m', '5 minutes'],
  [900, '15m', '15 minutes'],
];
const THEMES = { auto: ['auto', 'light'], light: ['sun', 'dark'], dark: ['moon', 'auto'] };

const systemDark = matchMedia('(prefers-color-scheme: dark)');
const store = makeStore();
let view = null;
let viewKey = '';
let signedOut = false; // the service wants a token that we have not

// '#/queries/a?tab=b' -> {path: ['queries', 'a'], params: {tab: 'b'}}
function parseRoute(hash) {
  const [path, search = ''] = hash.replace(/^#\/?/, '').split('?');
  return {
    path: path.split('/').filter(Boolean).map(decodeURIComponent),
    params: Object.fromEntries(new URLSearchParams(search)),
  };
}

function pick(route) {
  const [section = 'overview', name] = route.path;
  if (section === 'queries' && name === 'new') return ['workspace', 'new'];
  if (section === 'queries' && name) return ['query', `query ${name}`];
  return SECTIONS.has(section) ? [section, section] : ['overview', 'overview'];
}

// A view's file is fetched when it is first shown.
async function show() {
  const route = parseRoute(location.hash);
  const [file, key] = pick(route);
  const section = SECTIONS.has(route.path[0]) ? route.path[0] : 'overview';
  for (const a of document.querySelectorAll('nav a'))
    setAttr(a, 'aria-current', a.dataset.section === section ? 'page' : null);
  if (key === viewKey && view?.update) {
    view.update(route);
    return;
  }
  viewKey = key;
  const { hash } = location;
  const module = await import(`./views/${file}.js`);
  if (location.hash !== hash) return; // somebody was faster
  view?.unmount();
  put(main);
  view = module.mount(main, store, route);
  document.getElementById('more').open = false;
  window.scrollTo(0, 0);
}

// ---- the shell ----

const pill = { icon: h('span', {}), text: h('b', {}), why: h('span', { class: 'pill-why' }) };
pill.element = h('a', { class: 'pill', href: '#/overview' }, pill.icon, pill.text, pill.why);
const link = h('button', { class: 'connection', onclick: () => store.socket.retryNow() });
const pauseButton = h('button', { class: 'icon-button', onclick: () => store.setPaused(!store.paused) });
const themeButton = h('button', {
  class: 'icon-button',
  onclick: () => store.setPref('theme', THEMES[store.prefs.theme][1]),
});
const leaveButton = h(
  'button',
  { class: 'icon-button wide-only', 'aria-label': 'Sign out', hidden: true, onclick: signOut },
  icon('leave'),
);
const leaveLink = h(
  'button',
  { class: 'quiet', hidden: true, onclick: signOut },
  icon('leave'),
  'Sign out',
);
const zoneButton = h('button', {
  class: 'quiet small wide-only',
  onclick: () => store.setPref('zone', store.prefs.zone === 'utc' ? 'local' : 'utc'),
});
const ranges = h(
  'div',
  { class: 'segments', role: 'group', 'aria-label': 'Time span of charts' },
  RANGES.map(([seconds, text, long]) =>
    h('button', { 'data-range': seconds, title: long, onclick: () => store.setPref('range', seconds) }, text),
  ),
);
const environment = h('span', { class: 'environment', hidden: true });
const banner = h('div', { class: 'banner', role: 'status', hidden: true });
const toasts = h('div', { class: 'toasts', role: 'status' });
const spoken = h('div', { class: 'off-screen', 'aria-live': 'polite' });
const main = h('main', { id: 'main', tabindex: '-1' });

function mark() {
  return svg(
    'svg',
    { viewBox: '0 0 32 32', class: 'mark', 'aria-hidden': 'true' },
    svg('path', {
      d: [10, 17, 24].map((y) => `M5 ${y}c3.7-3.3 7.3-3.3 11 0s7.3 3.3 11 0`).join(''),
    }),
  );
}

function build() {
  const links = NAV.map(([section, text, key]) =>
    h(
      'a',
      { href: `#/${section}`, 'data-section': section, title: `${text} (g ${key})` },
      icon(section),
      h('span', {}, text),
      h('i', { class: 'count', hidden: true }),
    ),
  );
  const more = h(
    'details',
    { id: 'more', class: 'more' },
    h('summary', {}, icon('more'), h('span', {}, 'More')),
    h(
      'div',
      {},
      NAV.slice(3).map(([section, text]) =>
        h('a', { href: `#/${section}`, 'data-section': section }, icon(section), text),
      ),
      leaveLink,
    ),
  );
  document.body.append(
    h(
      'a',
      {
        class: 'skip',
        href: '#main',
        onclick: (event) => {
          event.preventDefault();
          main.focus();
        },
      },
      'Skip to content',
    ),
    h(
      'header',
      { class: 'top' },
      h(
        'a',
        { class: 'brand', href: '#/overview', 'aria-label': 'millrace, overview' },
        mark(),
        h('span', {}, 'millrace'),
      ),
      environment,
      pill.element,
      h('span', { class: 'grow' }),
      link,
      ranges,
      zoneButton,
      pauseButton,
      themeButton,
      leaveButton,
      h(
        'button',
        {
          class: 'icon-button wide-only',
          'aria-label': 'Commands',
          title: 'Commands (Ctrl-K)',
          onclick: () => palette('openPalette'),
        },
        icon('keyboard'),
      ),
    ),
    h('nav', { class: 'side', 'aria-label': 'Sections' }, links, more),
    banner,
    main,
    toasts,
    spoken,
  );
}

function showConnection() {
  const { socket } = store;
  const down = socket.state !== 'open';
  document.body.classList.toggle('stale', store.stale && store.known);
  let text;
  if (!down)
    text = store.paused ? 'paused' : socket.rtt === null ? 'live' : `live ${span(Math.max(1, Math.round(socket.rtt)))}`;
  else if (!store.known && !store.stale) text = 'connecting';
  else text = 'not connected';
  setText(link, text);
  setClass(link, `connection ${down ? 'tone-bad' : store.paused ? 'tone-warn' : 'tone-ok'}`);
  setAttr(
    link,
    'title',
    down
      ? 'Try again now'
      : store.skewMs
        ? `The clock of this browser is off by ${span(Math.abs(store.skewMs))}; times shown are the server's`
        : 'Connected to millrace',
  );
  setAttr(link, 'aria-label', `Connection: ${text}`);
  leaveButton.hidden = leaveLink.hidden = !socket.signedInAs;
  setAttr(leaveButton, 'title', `Sign out (${socket.signedInAs})`);
  showBanner();
  showPill();
}

// A browser does not say why a WebSocket was refused: it may be that a token is needed.
async function checkSignedIn() {
  if (store.socket.state === 'open') signedOut = false;
  if (store.socket.state !== 'down' || signedOut || !(await isSignedOut())) return;
  signedOut = true;
  showBanner();
  signIn();
}

// Whether the service answers, but not to us.
async function isSignedOut() {
  try {
    await get('/info');
    return false;
  } catch (problem) {
    return problem.status === 401;
  }
}

async function signIn() {
  const { askForToken } = await import('./parts/sign_in.js');
  askForToken(() => location.reload());
}

async function signOut() {
  (await import('./parts/sign_in.js')).signOut(store);
}

function bannerText() {
  const { socket } = store;
  if (signedOut) return `A token is needed at ${location.host}.`;
  if (store.stale) {
    const age = span(performance.now() - socket.since);
    const wait =
      socket.retryAt === null
        ? 'trying now'
        : `next try in ${span(Math.max(0, Math.ceil((socket.retryAt - performance.now()) / 1000)) * 1000)}`;
    return store.known
      ? `No connection for ${age}; what you see is from before. ${wait[0].toUpperCase()}${wait.slice(1)}.`
      : `millrace does not answer at ${location.host}; ${wait}.`;
  }
  if (store.newBuild) return 'millrace has been updated.';
  if (store.skewMs)
    return `This browser's clock is off by ${span(Math.abs(store.skewMs))}. All times here are the server's.`;
  return '';
}

function dismiss() {
  store.bannerClosed = 'skew';
  showBanner();
}

function showBanner() {
  const text = store.bannerClosed === 'skew' && store.skewMs && !store.stale && !store.newBuild ? '' : bannerText();
  const kind = signedOut ? 'token' : store.stale ? 'stale' : store.newBuild ? 'build' : 'skew';
  banner.hidden = !text;
  if (!text) return;
  if (banner.dataset.kind !== kind) {
    banner.dataset.kind = kind;
    const [label, run] = {
      token: ['Sign in', signIn],
      stale: ['Retry now', () => store.socket.retryNow()],
      build: ['Reload', () => location.reload()],
      skew: ['Dismiss', dismiss],
    }[kind];
    put(banner, h('span', {}), h('button', { class: 'quiet small', onclick: run }, label));
  }
  setText(banner.firstChild, text);
}

function showPill() {
  const { level, text, why } = store.health;
  setIcon(pill.icon, LEVEL_ICON[level] ?? 'info');
  setText(pill.text, text);
  setText(pill.why, why);
  setClass(pill.element, `pill tone-${level === 'down' ? 'bad' : level}`);
  setAttr(pill.element, 'title', why);
  const title = [level === 'ok' ? null : text, store.info?.environment?.name, 'millrace'].filter(Boolean).join(' · ');
  if (document.title !== title) document.title = title;
  showFavicon(level);
}

const TINT = { ok: '0b6e77', wait: '5b6874', warn: 'b7791f', bad: 'c0362c', down: '8a949e' };

function showFavicon(level) {
  if (store.tint === level) return;
  store.tint = level;
  const wave = 'M6 11c3.3-3 6.7-3 10 0s6.7 3 10 0M6 17c3.3-3 6.7-3 10 0s6.7 3 10 0M6 23c3.3-3 6.7-3 10 0s6.7 3 10 0';
  const picture =
    '<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 32 32">' +
    `<rect width="32" height="32" rx="8" fill="#${TINT[level] ?? TINT.ok}"/>` +
    `<path d="${wave}" fill="none" stroke="#fff" stroke-width="2.4" stroke-linecap="round"/></svg>`;
  document.getElementById('favicon').href = `data:image/svg+xml,${encodeURIComponent(picture)}`;
}

function showPrefs() {
  const { theme, range, zone } = store.prefs;
  const dark = theme === 'dark' || (theme === 'auto' && systemDark.matches);
  document.documentElement.dataset.theme = dark ? 'dark' : 'light';
  put(themeButton, icon(THEMES[theme][0]));
  setAttr(themeButton, 'aria-label', `Theme: ${theme}`);
  setAttr(themeButton, 'title', `Theme: ${theme}`);
  setText(zoneButton, zone === 'utc' ? 'UTC' : 'Local');
  setAttr(zoneButton, 'aria-label', `Times in ${zone === 'utc' ? 'UTC' : 'local time'}`);
  for (const b of ranges.children) setAttr(b, 'aria-pressed', String(Number(b.dataset.range) === range));
  document.dispatchEvent(new Event('themechange'));
}

function showPause() {
  put(pauseButton, icon(store.paused ? 'play' : 'pause'));
  setAttr(pauseButton, 'aria-label', store.paused ? 'Resume everything' : 'Pause everything');
  setAttr(pauseButton, 'title', store.paused ? 'Resume (Space)' : 'Pause everything (Space)');
  setAttr(pauseButton, 'aria-pressed', String(store.paused));
  showConnection();
}

function showStatus() {
  const name = store.info?.environment?.name;
  environment.hidden = !name;
  if (name) setText(environment, name);
  const colour = store.info?.environment?.colour;
  if (colour) environment.style.setProperty('--env', colour);
  const counts = { queries: store.queries.length, producers: store.producers.length };
  for (const a of document.querySelectorAll('nav > a')) {
    const count = a.querySelector('.count');
    const n = counts[a.dataset.section];
    count.hidden = !n;
    if (n) setText(count, n);
  }
  showPill();
}

function toast({ message, level }) {
  const node = h(
    'div',
    { class: `toast tone-${level}` },
    icon(LEVEL_ICON[level] ?? 'info'),
    h('span', {}, message),
    h('button', { class: 'icon-button', 'aria-label': 'Dismiss', onclick: () => node.remove() }, icon('bad')),
  );
  toasts.append(node);
  while (toasts.children.length > 4) toasts.firstChild.remove();
  setTimeout(() => node.remove(), level === 'bad' ? 12000 : 5000);
}

// ---- keys ----

async function palette(what) {
  const module = await import('./parts/palette.js');
  module[what](store, NAV);
}

let chord = -Infinity;

function typing(target) {
  return target.closest?.('input, textarea, select, [contenteditable], dialog');
}

function onKey(event) {
  if ((event.ctrlKey || event.metaKey) && event.key.toLowerCase() === 'k') {
    event.preventDefault();
    palette('openPalette');
    return;
  }
  if (!store.prefs.keys || event.ctrlKey || event.metaKey || event.altKey || typing(event.target)) return;
  if (performance.now() - chord < 1200) {
    chord = -Infinity;
    const found = NAV.find(([, , key]) => key === event.key);
    if (found) {
      event.preventDefault();
      location.hash = `#/${found[0]}`;
    }
  } else if (event.key === 'g') chord = performance.now();
  else if (event.key === '?') palette('keyHelp');
  else if (event.key === '/') {
    const field = document.querySelector('main input[type=search]');
    if (field) {
      event.preventDefault();
      field.focus();
    }
  } else if (event.key === ' ' && !event.target.closest?.('button, a, summary, [tabindex="0"]')) {
    event.preventDefault();
    store.setPaused(!store.paused);
  }
}

build();
showPrefs();
showPause();
store.addEventListener('status', showStatus);
store.addEventListener('connection', showConnection);
store.addEventListener('prefs', showPrefs);
store.addEventListener('pause', showPause);
store.addEventListener('toast', (event) => toast(event.detail));
store.addEventListener('announce', (event) => setText(spoken, event.detail.message));
systemDark.addEventListener('change', showPrefs);
store.socket.addEventListener('state', checkSignedIn);
document.addEventListener('keydown', onKey);
window.addEventListener('hashchange', show);
show();
