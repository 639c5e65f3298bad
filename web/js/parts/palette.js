// SPDX-License-Identifier: MIT
// palette: every place and action by its name (Ctrl-K), and the list of keys (?).

import { h, icon, keyed, setAttr, setText } from '../dom.js';
import { showDialog } from './dialog.js';
import { signOut } from './sign_in.js';

function commands(store, nav) {
  const out = nav.map(([section, text]) => ({
    text: `Go to ${text}`,
    icon: section,
    run: () => {
      location.hash = `#/${section}`;
    },
  }));
  out.push({
    text: 'New query',
    icon: 'plus',
    run: () => {
      location.hash = '#/queries/new';
    },
  });
  for (const q of store.queries) {
    out.push({
      text: `Query ${q.name}`,
      icon: 'queries',
      run: () => {
        location.hash = `#/queries/${q.name}`;
      },
    });
    const action = q.desired_state === 'running' ? 'stop' : 'start';
    out.push({
      text: `${action === 'stop' ? 'Stop' : 'Start'} query ${q.name}`,
      icon: action === 'stop' ? 'stop' : 'play',
      run: () => store.queryAction(q.name, action),
    });
  }
  for (const p of store.producers) {
    const action = p.desired_state === 'running' ? 'stop' : 'start';
    out.push({
      text: `${action === 'stop' ? 'Stop' : 'Start'} producer ${p.name}`,
      icon: 'producers',
      run: () => store.producerAction(p.name, action),
    });
  }
  for (const theme of ['auto', 'light', 'dark']) {
    out.push({
      text: `Theme: ${theme}`,
      icon: { auto: 'auto', light: 'sun', dark: 'moon' }[theme],
      run: () => store.setPref('theme', theme),
    });
  }
  out.push({
    text: store.paused ? 'Resume everything' : 'Pause everything',
    icon: 'pause',
    run: () => store.setPaused(!store.paused),
  });
  if (store.socket.signedInAs) out.push({ text: 'Sign out', icon: 'leave', run: () => signOut(store) });
  return out;
}

// All words of the search occur, in any order.
export function matches(text, search) {
  const t = text.toLowerCase();
  return search
    .toLowerCase()
    .split(/\s+/)
    .every((word) => t.includes(word));
}

export function openPalette(store, nav) {
  if (document.querySelector('dialog[open]')) return;
  const all = commands(store, nav);
  let shown = all;
  let at = 0;
  const list = h('ul', { class: 'palette-list', role: 'listbox', id: 'palette-list', 'aria-label': 'Commands' });
  const field = h('input', {
    type: 'text',
    class: 'palette-field',
    placeholder: 'Go to, start, stop…',
    'aria-label': 'Command',
    role: 'combobox',
    'aria-expanded': 'true',
    'aria-controls': 'palette-list',
    autocomplete: 'off',
    spellcheck: 'false',
  });
  const dialog = h('dialog', { class: 'dialog palette', 'aria-label': 'Commands' }, field, list);
  const run = (command) => {
    dialog.close();
    command.run();
  };
  const paint = () => {
    keyed(
      list,
      shown.slice(0, 12),
      (c) => c.text,
      (c) =>
        h(
          'li',
          { role: 'option', id: `command-${all.indexOf(c)}`, onclick: () => run(c) },
          icon(c.icon),
          h('span', {}, c.text),
        ),
      (node, c) => setAttr(node, 'aria-selected', String(shown.indexOf(c) === at)),
    );
    setAttr(field, 'aria-activedescendant', shown[at] ? `command-${all.indexOf(shown[at])}` : null);
  };
  field.addEventListener('input', () => {
    shown = all.filter((c) => matches(c.text, field.value));
    at = 0;
    paint();
  });
  field.addEventListener('keydown', (event) => {
    const n = Math.min(12, shown.length);
    if (event.key === 'ArrowDown') at = (at + 1) % Math.max(1, n);
    else if (event.key === 'ArrowUp') at = (at + n - 1) % Math.max(1, n);
    else if (event.key === 'Enter' && shown[at]) run(shown[at]);
    else return;
    event.preventDefault();
    paint();
  });
  dialog.addEventListener('close', () => dialog.remove());
  dialog.addEventListener('click', (event) => {
    if (event.target === dialog) dialog.close();
  });
  document.body.append(dialog);
  dialog.showModal();
  field.focus();
  paint();
}

export function keyHelp(store, nav) {
  if (document.querySelector('dialog[open]')) return;
  const row = (keys, text) =>
    h(
      'tr',
      {},
      h(
        'th',
        { scope: 'row' },
        keys.split(' ').map((k) => h('kbd', {}, k)),
      ),
      h('td', {}, text),
    );
  const word = h('span', {});
  const label = () => setText(word, store.prefs.keys ? 'Turn single keys off' : 'Turn single keys on');
  label();
  showDialog(
    'Keys',
    h(
      'table',
      { class: 'keys' },
      h(
        'tbody',
        {},
        nav.map(([, text, key]) => row(`g ${key}`, text)),
        row('Space', 'pause or resume everything'),
        row('/', 'filter'),
        row('Ctrl-K', 'commands'),
        row('Ctrl-Enter', 'check or run the SQL'),
        row('?', 'this list'),
        row('Esc', 'close'),
      ),
    ),
    h('p', { class: 'muted' }, 'Ctrl is Cmd on a Mac.'),
    h(
      'button',
      {
        class: 'quiet',
        onclick: () => {
          store.setPref('keys', !store.prefs.keys);
          label();
        },
      },
      word,
    ),
  );
}
