// SPDX-License-Identifier: MIT
// actions: the buttons that start, stop, restart and delete. They show what is wanted until it is so, and say why they
// are disabled.

import * as api from '../api.js';
import { h, icon, setAttr, setIcon, setText } from '../dom.js';
import { curl } from '../format.js';
import { confirmName, copyButton } from './dialog.js';

// One button that starts what is stopped and stops what runs. act(name, "start" | "stop").
export function startStop(store, act, { small = false } = {}) {
  const picture = h('span', {});
  const word = h('span', {});
  let object = null;
  const element = h(
    'button',
    {
      class: `quiet${small ? ' small' : ''}`,
      type: 'button',
      onclick: () => {
        if (element.getAttribute('aria-disabled') === 'true') return;
        act(object.name, wanted(object) ? 'stop' : 'start');
      },
    },
    picture,
    word,
  );
  return {
    element,
    set(o) {
      object = o;
      const stop = wanted(o);
      setIcon(picture, stop ? 'stop' : 'play');
      setText(word, stop ? 'Stop' : 'Start');
      setAttr(element, 'aria-label', `${stop ? 'Stop' : 'Start'} ${o.name}`);
      disable(element, store.viewer ? 'Your role may look, not change' : '');
    },
  };
}

function wanted(o) {
  return o.desired_state === 'running';
}

// Disabled with a reason that the keyboard reaches too.
export function disable(node, reason) {
  setAttr(node, 'aria-disabled', reason ? 'true' : null);
  setAttr(node, 'title', reason || null);
}

export function queryActions(store, name) {
  const go = startStop(store, (n, action) => store.queryAction(n, action));
  const restart = h(
    'button',
    { class: 'quiet', type: 'button', onclick: () => !store.viewer && store.queryAction(name, 'restart') },
    icon('restart'),
    h('span', {}, 'Restart'),
  );
  const remove = h(
    'button',
    { class: 'quiet', type: 'button', 'aria-label': `Delete ${name}`, onclick: () => removeQuery(store, name) },
    icon('trash'),
    h('span', { class: 'wide-only' }, 'Delete'),
  );
  const copy = copyButton(
    () =>
      curl(
        location.origin,
        'POST',
        `/queries/${name}/${store.query(name)?.desired_state === 'running' ? 'stop' : 'start'}`,
      ),
    'curl',
    { 'aria-label': 'Copy as curl: start or stop', class: 'quiet wide-only' },
  );
  return {
    element: h('div', { class: 'actions' }, go.element, restart, copy, remove),
    set(q) {
      go.set(q);
      for (const node of [restart, remove]) disable(node, store.viewer ? 'Your role may look, not change' : '');
    },
  };
}

async function removeQuery(store, name) {
  if (store.viewer) return;
  const yes = await confirmName({
    title: `Delete the query ${name}?`,
    name,
    action: 'Delete the query',
    consequences: [
      'It stops, and its checkpoint is forgotten.',
      'The table and its files stay where they are.',
      'Made again under this name it reads from its starting offsets.',
    ],
  });
  if (!yes) return;
  const done = await store.act(`${name} is deleted`, () =>
    api.remove(`/queries/${api.seg(name)}?force=true&purge=state`),
  );
  if (done) location.hash = '#/queries';
}

export async function removeProducer(store, name) {
  if (store.viewer) return;
  const yes = await confirmName({
    title: `Delete the producer ${name}?`,
    name,
    action: 'Delete the producer',
    consequences: ['It stops. What it sent stays in the topic.'],
  });
  if (yes) await store.act(`${name} is deleted`, () => api.remove(`/producers/${api.seg(name)}`));
}
