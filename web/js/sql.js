// SPDX-License-Identifier: MIT
// sql: words of a SQL text for colouring, and where a line and column are. Pure. It judges nothing: the server does.

const KEYWORDS = new Set(
  `ADD ALL AND AS ASC BETWEEN BY CASE CAST CHECK COMMENT CONSTRAINT CREATE CROSS DELAY DELTA DESC
  DISTINCT DROP ELSE END EXISTS EXPECT FAIL FALSE FILTER FLOW FROM FULL GROUP HAVING IF IN INNER INTERVAL INTO IS JOIN
  LATERAL LEFT LIKE LIMIT LOCATION MATERIALIZED NOT NULL OF ON OR ORDER OUTER PARTITIONED REFRESH REPLACE RIGHT RLIKE
  ROW SELECT SEMI SET STREAM STREAMING STRUCT TABLE TBLPROPERTIES TEMPORARY THEN TRUE UNION UPDATE USING VALUES VIEW
  VIOLATION WATERMARK WHEN WHERE WITH DAY DAYS HOUR HOURS MINUTE MINUTES SECOND SECONDS MILLISECOND
  MILLISECONDS ANTI`.split(/\s+/),
);

const TYPES = new Set(
  `ARRAY BIGINT BINARY BOOLEAN DATE DECIMAL DOUBLE FLOAT INT LONG MAP SMALLINT STRING TIMESTAMP
  TIMESTAMP_NTZ TINYINT`.split(/\s+/),
);

const WORD = new RegExp(
  [
    /(?<comment>--[^\n]*|\/\*[\s\S]*?(?:\*\/|$))/,
    /(?<string>'(?:[^'\\]|\\[\s\S]|'')*(?:'|$)|"(?:[^"\\]|\\[\s\S])*(?:"|$))/,
    /(?<quoted>`[^`]*(?:`|$))/,
    /(?<param>\$\{[^}]*\}?)/,
    /(?<number>\b\d[\d_]*(?:\.\d+)?(?:[eE][+-]?\d+)?\w*)/,
    /(?<word>[A-Za-z_]\w*)/,
    /(?<space>\s+)/,
    /(?<other>[\s\S])/,
  ]
    .map((r) => r.source)
    .join('|'),
  'g',
);

// [{kind, text}] whose texts join to the input. kind: keyword, type, function, string, number, comment, param, plain.
export function words(text) {
  const out = [];
  for (const match of text.matchAll(WORD)) {
    const g = match.groups;
    let kind = 'plain';
    if (g.comment) kind = 'comment';
    else if (g.string) kind = 'string';
    else if (g.param) kind = 'param';
    else if (g.number) kind = 'number';
    else if (g.word) {
      const upper = g.word.toUpperCase();
      const call = /^\s*\(/.test(text.slice(match.index + g.word.length, match.index + g.word.length + 8));
      kind = TYPES.has(upper) ? 'type' : KEYWORDS.has(upper) ? 'keyword' : call ? 'function' : 'plain';
    }
    const last = out.at(-1);
    if (last && last.kind === kind) last.text += match[0];
    else out.push({ kind, text: match[0] });
  }
  return out;
}

// Line and column count from 1; the offset is in UTF-16 units, as a textarea counts.
export function offsetOf(text, line, column) {
  let at = 0;
  for (let n = 1; n < line; n += 1) {
    const next = text.indexOf('\n', at);
    if (next < 0) return text.length;
    at = next + 1;
  }
  return Math.min(text.length, at + column - 1);
}

export function placeOf(text, offset) {
  const before = text.slice(0, offset);
  const line = before.split('\n').length;
  return { line, column: offset - before.lastIndexOf('\n') };
}
