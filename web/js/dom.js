// SPDX-License-Identifier: MIT
// dom: elements without innerHTML. Data only ever becomes text nodes and attributes, styles only CSS variables (the
// page's policy forbids inline styles). Knows nothing of millrace.

const SVG = 'http://www.w3.org/2000/svg';

function apply(node, props) {
  for (const [key, value] of Object.entries(props)) {
    if (value === undefined || value === null || value === false) continue;
    if (key.startsWith('on')) node.addEventListener(key.slice(2), value);
    else if (key === 'vars') for (const [name, v] of Object.entries(value)) node.style.setProperty(name, v);
    else if (key === 'value' || key === 'checked' || key === 'selected') node[key] = value;
    else node.setAttribute(key, value === true ? '' : value);
  }
}

function fill(node, children) {
  for (const child of children.flat(Infinity)) {
    if (child === undefined || child === null || child === false) continue;
    node.append(child instanceof Node ? child : document.createTextNode(String(child)));
  }
  return node;
}

// h('button', {class: 'quiet', onclick: f}, 'Stop'): an element. vars sets CSS variables.
export function h(tag, props = {}, ...children) {
  const node = document.createElement(tag);
  apply(node, props);
  return fill(node, children);
}

export function svg(tag, props = {}, ...children) {
  const node = document.createElementNS(SVG, tag);
  apply(node, props);
  return fill(node, children);
}

// Replaces what is in node.
export function put(node, ...children) {
  node.replaceChildren();
  return fill(node, children);
}

// Writes only what differs, so that a quiet page costs nothing and a text selection survives.
export function setText(node, text) {
  const value = String(text);
  if (node.firstChild && node.firstChild === node.lastChild && node.firstChild.nodeType === 3) {
    if (node.firstChild.data !== value) node.firstChild.data = value;
  } else if (node.textContent !== value) {
    node.textContent = value;
  }
}

export function setAttr(node, name, value) {
  if (value === null || value === undefined || value === false) {
    if (node.hasAttribute(name)) node.removeAttribute(name);
  } else if (node.getAttribute(name) !== String(value)) {
    node.setAttribute(name, value === true ? '' : value);
  }
}

export function setClass(node, value) {
  if (node.className !== value) node.className = value;
}

export function setVar(node, name, value) {
  if (node.style.getPropertyValue(name) !== value) node.style.setProperty(name, value);
}

// Makes the children of parent the items, in order, one node per key; nodes stay for keys that stay.
export function keyed(parent, items, keyOf, make, update) {
  const old = parent.keyedNodes ?? new Map();
  const next = new Map();
  let at = parent.firstChild;
  for (const item of items) {
    const key = keyOf(item);
    let node = old.get(key);
    if (!node) node = make(item);
    update(node, item);
    next.set(key, node);
    if (node === at) at = at.nextSibling;
    else parent.insertBefore(node, at);
  }
  for (const [key, node] of old) if (next.get(key) !== node) node.remove();
  while (at) {
    const after = at.nextSibling;
    at.remove();
    at = after;
  }
  parent.keyedNodes = next;
}

const ICONS = {
  overview: 'M3 13h7V3H3zM14 21h7V11h-7zM14 3v5h7V3zM3 21h7v-5H3z',
  queries: 'M4 7c0-4 16-4 16 0s-16 4-16 0zM4 7v10c0 4 16 4 16 0V7M4 12c0 4 16 4 16 0',
  sources: 'M3 7h10M3 12h14M3 17h7M17 5l4 2-4 2M21 10l0 4M14 15l4 2-4 2',
  producers: 'M12 3v9M7 7l5-5 5 5M4 14v5h16v-5',
  tables: 'M3 5h18v14H3zM3 10h18M9 10v9M15 10v9',
  errors: 'M12 3l10 18H2zM12 10v5M12 18v.5',
  events: 'M12 7v5l3 3M12 3a9 9 0 1 0 .01 0',
  system: 'M5 5h14v14H5zM9 9h6v6H9zM9 2v3M15 2v3M9 19v3M15 19v3M2 9h3M2 15h3M19 9h3M19 15h3',
  pause: 'M8 5v14M16 5v14',
  play: 'M7 4l13 8-13 8z',
  stop: 'M6 6h12v12H6z',
  restart: 'M20 12a8 8 0 1 1-3-6.2M20 3v5h-5',
  trash: 'M4 7h16M9 7V4h6v3M6 7l1 14h10l1-14M10 11v6M14 11v6',
  plus: 'M12 5v14M5 12h14',
  copy: 'M9 9h11v11H9zM5 15H4V4h11v1',
  download: 'M12 4v11M7 11l5 5 5-5M4 20h16',
  table: 'M3 5h18v14H3zM3 10h18M10 5v14',
  chart: 'M4 4v16h16M7 15l4-5 3 3 5-7',
  sun: 'M12 8a4 4 0 1 0 .01 0M12 2v3M12 19v3M2 12h3M19 12h3M5 5l2 2M17 17l2 2M5 19l2-2M17 7l2-2',
  moon: 'M20 14A8.5 8.5 0 0 1 10 4a8.5 8.5 0 1 0 10 10z',
  auto: 'M12 3a9 9 0 1 0 .01 0M12 3v18M12 7h6M12 12h9M12 17h6',
  ok: 'M5 13l4 4L19 7',
  warn: 'M12 4v10M12 18v1.5',
  bad: 'M6 6l12 12M18 6L6 18',
  wait: 'M6 12h.5M12 12h.5M18 12h.5',
  info: 'M12 11v7M12 6v1',
  more: 'M5 7h14M5 12h14M5 17h14',
  keyboard: 'M3 6h18v12H3zM7 10h.5M12 10h.5M17 10h.5M8 14h8',
  arrow: 'M5 12h14M13 6l6 6-6 6',
  leave: 'M14 4H5v16h9M10 12h11M17 8l4 4-4 4',
};

// A picture beside a text: never the only carrier of a meaning, so hidden from assistive technology.
export function icon(name) {
  return svg(
    'svg',
    { viewBox: '0 0 24 24', class: `icon icon-${name}`, 'aria-hidden': 'true' },
    svg('path', { d: ICONS[name] ?? ICONS.info }),
  );
}

export function setIcon(holder, name) {
  if (holder.dataset.icon === name) return;
  holder.dataset.icon = name;
  put(holder, icon(name));
}
