// SPDX-License-Identifier: MIT
// theme: before the first paint, so that no light page flashes in the dark. The only script that is not a module.
'use strict';
{
  let theme = 'auto';
  try {
    theme = JSON.parse(localStorage.getItem('millrace') ?? '{}').theme ?? theme;
  } catch {
    // No storage: the system's choice holds.
  }
  const dark = theme === 'dark' || (theme === 'auto' && matchMedia('(prefers-color-scheme: dark)').matches);
  document.documentElement.dataset.theme = dark ? 'dark' : 'light';
}
