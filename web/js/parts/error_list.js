// SPDX-License-Identifier: MIT
// error_list: counts of what went wrong with records, by reason, and the samples with their coordinates and payloads.

import { h, keyed, put, setText } from '../dom.js';
import { ago, int, plural, stamp } from '../format.js';
import { emptyState } from './bits.js';
import { copyButton } from './dialog.js';

const ABOUT = {
  late: ['Late', 'came after the watermark had closed its window; a longer DELAY OF keeps such rows'],
  malformed: ['Malformed', 'could not be read with the schema of the query'],
  oversize: ['Oversize', 'were above the size limit'],
  no_event_time: ['No event time', 'had NULL where the event time is'],
  rejected: ['Rejected', 'were not let into the query, as its properties say'],
  future: ['Ahead of the clock', 'had an event time further ahead than millrace.maxFutureSkew'],
  lost: ['Lost', 'were gone from the topic before they were read'],
  no_partner: ['No partner', 'found no row to join'],
};

// A sample says more exactly than a count what was wrong with it.
const SAMPLES_OF = {
  malformed: ['malformed_json', 'bad_field'],
  rejected: ['malformed_json', 'bad_field', 'oversized', 'expression_error'],
};
const isOf = (sample, reason) => !reason || (SAMPLES_OF[reason] ?? [reason]).includes(sample.reason);

export function reasonLabel(reason) {
  return ABOUT[reason]?.[0] ?? reason.replaceAll('_', ' ');
}

function sampleRow(store, withQuery) {
  const reason = h('span', { class: 'tag' });
  const place = h('b', { class: 'mono' });
  const detail = h('span', {});
  const time = h('time', { class: 'muted' });
  const query = h('a', { class: 'link' });
  const payload = h('pre', { tabindex: '0', 'aria-label': 'Payload' });
  let sample = null;
  const li = h(
    'li',
    { class: 'sample' },
    h(
      'div',
      { class: 'row wrap' },
      reason,
      withQuery ? query : null,
      place,
      h('span', { class: 'grow' }),
      time,
      copyButton(
        () => `kcat -C -b "$BROKER" -t ${sample.topic} -p ${sample.partition} -o ${sample.offset} -c 1`,
        'kcat',
        { 'aria-label': 'Copy the kcat command that reads this record' },
      ),
    ),
    detail,
    payload,
  );
  li.set_ = (s) => {
    sample = s;
    setText(reason, reasonLabel(s.reason));
    reason.className = `tag reason-${s.reason === 'late' ? 'late' : 'bad'}`;
    setText(place, `${s.topic} / ${s.partition} / ${s.offset}`);
    place.title = 'topic / partition / offset';
    setText(detail, s.detail ?? '');
    setText(time, ago(s.seen_at, store.now()));
    time.title = `seen ${stamp(s.seen_at, store.prefs.zone)}; record of ${stamp(s.timestamp, store.prefs.zone)}`;
    if (withQuery) {
      query.href = `#/queries/${s.query}?tab=errors`;
      setText(query, s.query);
    }
    setText(payload, `${s.payload ?? ''}${s.truncated ? '…' : ''}`);
    payload.hidden = !s.payload;
  };
  return li;
}

export class ErrorList {
  constructor(store, { withQuery = false, none }) {
    this.store = store;
    this.none = none;
    this.withQuery = withQuery;
    this.reason = '';
    this.counts = {};
    this.samples = [];
    this.chips = h('div', { class: 'row wrap', role: 'group', 'aria-label': 'Reason' });
    this.about = h('p', { class: 'muted' });
    this.list = h('ul', { class: 'samples' });
    this.empty = h('div', {});
    this.element = h('div', { class: 'stack' }, this.chips, this.about, this.list, this.empty);
  }

  // Shown at most every two seconds: what somebody reads must not run away.
  set(counts, samples) {
    this.counts = counts;
    this.samples = samples;
    const wait = 2000 - (performance.now() - (this.shownAt ?? -2000));
    if (wait <= 0) this.show();
    else this.timer ??= setTimeout(() => this.show(), wait);
  }

  show() {
    clearTimeout(this.timer);
    this.timer = null;
    this.shownAt = performance.now();
    const reasons = Object.keys(this.counts).filter((r) => this.counts[r] > 0);
    const total = reasons.reduce((n, r) => n + this.counts[r], 0);
    // All has no sum: a malformed record may be a rejected one too.
    const chips = [['', 'All', null], ...reasons.map((r) => [r, reasonLabel(r), this.counts[r]])];
    this.chips.hidden = total === 0;
    keyed(
      this.chips,
      chips,
      (c) => c[0],
      (c) => {
        const n = h('b', {});
        const b = h(
          'button',
          {
            class: 'chip',
            onclick: () => {
              this.reason = c[0];
              this.show();
            },
          },
          c[1],
          ' ',
          n,
        );
        b.set_ = (value) => {
          setText(n, value === null ? '' : int(value));
          b.setAttribute('aria-pressed', String(this.reason === c[0]));
        };
        return b;
      },
      (b, c) => b.set_(c[2]),
    );
    const shown = this.samples.filter((s) => isOf(s, this.reason));
    setText(
      this.about,
      total === 0
        ? ''
        : this.reason
          ? [
              plural(this.counts[this.reason] ?? 0, 'record'),
              `${ABOUT[this.reason]?.[1] ?? ''}.`,
              `The newest ${shown.length} are shown.`,
            ].join(' ')
          : `The newest ${shown.length}, with topic / partition / offset.`,
    );
    keyed(
      this.list,
      shown,
      (s) => `${s.query ?? ''} ${s.reason} ${s.topic} ${s.partition} ${s.offset}`,
      () => sampleRow(this.store, this.withQuery),
      (li, s) => li.set_(s),
    );
    const text = total === 0 ? this.none : shown.length ? '' : 'No sample of this kind is kept.';
    if (this.emptyText === text) return;
    this.emptyText = text;
    put(
      this.empty,
      text
        ? h(
            'section',
            { class: 'card' },
            emptyState(total === 0 ? 'ok' : 'errors', total === 0 ? 'Nothing is wrong' : 'No samples', text),
          )
        : null,
    );
  }
}
