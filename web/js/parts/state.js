// SPDX-License-Identifier: MIT
// state: the state of a query or producer as icon + word + colour, with what is wanted of it beside what is.

import { h, setAttr, setClass, setIcon, setText } from '../dom.js';

const LOOK = {
  running: ['ok', 'ok', 'Running'],
  starting: ['wait', 'busy', 'Starting'],
  draining: ['wait', 'busy', 'Stopping'],
  created: ['wait', 'idle', 'Created'],
  stopped: ['stop', 'idle', 'Stopped'],
  failed: ['bad', 'bad', 'Failed'],
  waiting: ['warn', 'warn', 'Waits to retry'],
};

export function stateLook(state) {
  const [iconName, tone, text] = LOOK[state] ?? ['info', 'idle', state ?? 'Unknown'];
  return { iconName, tone, text };
}

export function makeState() {
  const picture = h('span', { class: 'state-icon' });
  const word = h('span', {});
  const element = h('span', { class: 'state' }, picture, word);
  return {
    element,
    set(object) {
      const { iconName, tone, text } = stateLook(object.state);
      setIcon(picture, iconName);
      const wanted = object.desired_state === 'running' ? 'running' : 'stopped';
      const settled = ['failed', 'waiting', wanted].includes(object.state);
      setText(
        word,
        settled || object.state === 'starting' || object.state === 'draining' ? text : `${text}, to be ${wanted}`,
      );
      setClass(element, `state tone-${tone}`);
      setAttr(element, 'title', object.reason || null);
    },
  };
}

export const LEVEL_ICON = { ok: 'ok', info: 'info', warn: 'warn', bad: 'bad', error: 'bad', down: 'bad', wait: 'wait' };
