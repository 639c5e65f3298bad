// SPDX-License-Identifier: MIT
// sign_in: asks for a token when the service wants one, trades it for the session's cookie, and gives that up again.

import { post, remove } from '../api.js';
import { h, setText } from '../dom.js';

// Ends the session. The page begins anew: what it has shown is not left for whoever comes next.
export async function signOut(store) {
  try {
    await remove('/session');
    location.reload();
  } catch (problem) {
    store.toast(problem.said, 'bad');
  }
}

// Opens the dialog, if it is not open. done() when a token was good.
export function askForToken(done) {
  if (document.getElementById('token')) return;
  const said = h('p', { class: 'tone-bad', role: 'alert' });
  const field = h('input', { type: 'password', id: 'token', autocomplete: 'current-password', required: true });
  const send = async (event) => {
    event.preventDefault();
    try {
      await post('/session', { token: field.value.trim() });
      dialog.close();
      done();
    } catch (problem) {
      setText(said, problem.said);
      field.select();
    }
  };
  const dialog = h(
    'dialog',
    { class: 'dialog', 'aria-labelledby': 'token-title' },
    h(
      'form',
      { method: 'dialog', onsubmit: send },
      h('h2', { id: 'token-title' }, 'Sign in'),
      h('label', { for: 'token' }, 'Token'),
      field,
      said,
      h('div', { class: 'row end' }, h('button', { class: 'primary', type: 'submit' }, 'Sign in')),
    ),
  );
  dialog.addEventListener('close', () => dialog.remove());
  document.body.append(dialog);
  dialog.showModal();
}
