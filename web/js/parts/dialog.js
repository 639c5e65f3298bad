// SPDX-License-Identifier: MIT
// dialog: questions before what cannot be undone, and the copy button.

import { h, icon, setText } from '../dom.js';

function open(dialog) {
  document.body.append(dialog);
  dialog.addEventListener('close', () => dialog.remove());
  dialog.showModal();
  return dialog;
}

// Asks for the name to be typed. Resolves to true or false.
export function confirmName({ title, name, consequences, action }) {
  return new Promise((resolve) => {
    let answer = false;
    const go = h('button', { class: 'danger', type: 'submit', disabled: true }, action);
    const field = h('input', {
      type: 'text',
      autocomplete: 'off',
      spellcheck: 'false',
      id: 'confirm-name',
      oninput: () => {
        go.disabled = field.value !== name;
      },
    });
    const dialog = h(
      'dialog',
      { class: 'dialog', 'aria-labelledby': 'confirm-title' },
      h(
        'form',
        {
          method: 'dialog',
          onsubmit: (event) => {
            event.preventDefault();
            if (field.value !== name) return;
            answer = true;
            dialog.close();
          },
        },
        h('h2', { id: 'confirm-title' }, title),
        h(
          'ul',
          {},
          consequences.map((c) => h('li', {}, c)),
        ),
        h('label', { for: 'confirm-name' }, 'Type ', h('b', {}, name), ' to confirm'),
        field,
        h(
          'div',
          { class: 'row end' },
          h('button', { class: 'quiet', type: 'button', onclick: () => dialog.close() }, 'Cancel'),
          go,
        ),
      ),
    );
    dialog.addEventListener('close', () => resolve(answer));
    open(dialog);
    field.focus();
  });
}

export function showDialog(title, ...content) {
  const dialog = h(
    'dialog',
    { class: 'dialog', 'aria-label': title },
    h(
      'header',
      { class: 'row' },
      h('h2', {}, title),
      h('button', { class: 'icon-button', 'aria-label': 'Close', onclick: () => dialog.close() }, icon('bad')),
    ),
    content,
  );
  dialog.addEventListener('click', (event) => {
    if (event.target === dialog) dialog.close();
  });
  return open(dialog);
}

// A button that copies what text() gives and says so for a moment.
export function copyButton(text, label = 'Copy', props = {}) {
  const word = h('span', {}, label);
  const button = h(
    'button',
    {
      class: 'quiet small',
      type: 'button',
      ...props,
      onclick: async () => {
        const value = await text();
        try {
          await navigator.clipboard.writeText(value);
          setText(word, 'Copied');
        } catch {
          selectionCopy(value);
          setText(word, 'Copied');
        }
        setTimeout(() => setText(word, label), 1500);
      },
    },
    icon('copy'),
    word,
  );
  return button;
}

// Where the clipboard API is refused (plain http off loopback).
function selectionCopy(value) {
  const area = h('textarea', { class: 'off-screen', 'aria-hidden': 'true', value });
  document.body.append(area);
  area.select();
  document.execCommand('copy');
  area.remove();
}

export function download(name, type, text) {
  const url = URL.createObjectURL(new Blob([text], { type }));
  const a = h('a', { href: url, download: name });
  document.body.append(a);
  a.click();
  a.remove();
  setTimeout(() => URL.revokeObjectURL(url), 10000);
}

export function code(text, label) {
  return h(
    'div',
    { class: 'code' },
    h('pre', { tabindex: '0', 'aria-label': label ?? 'Text' }, text),
    copyButton(() => text),
  );
}
