// SPDX-License-Identifier: MIT
// frame: one drawing per animation frame for the whole page, so that many charts never make one long frame. What is
// off-screen or on a hidden page is not drawn until it is seen.

const dirty = new Set();
const onScreen = new WeakMap();
let asked = 0;

const watcher = new IntersectionObserver((entries) => {
  for (const entry of entries) {
    onScreen.set(entry.target, entry.isIntersecting);
    const drawable = entry.target.drawable;
    if (entry.isIntersecting && drawable?.missed) mark(drawable);
  }
});

function frame() {
  asked = 0;
  for (const drawable of dirty) {
    dirty.delete(drawable);
    if (onScreen.get(drawable.element) === false) {
      drawable.missed = true;
      continue;
    }
    drawable.missed = false;
    drawable.draw();
    break;
  }
  if (dirty.size) ask();
}

function ask() {
  if (!asked) asked = requestAnimationFrame(frame);
}

// drawable: {element, draw()}.
export function mark(drawable) {
  dirty.add(drawable);
  ask();
}

export function watch(drawable) {
  drawable.element.drawable = drawable;
  watcher.observe(drawable.element);
}

export function forget(drawable) {
  dirty.delete(drawable);
  watcher.unobserve(drawable.element);
}
