-- SPDX-License-Identifier: MIT
-- What each query is, and the last epochs of each generation. Small rows only: operator state lives in
-- snapshot files beside this database, and the Delta log is the only commit point.

CREATE TABLE query (
    name             TEXT PRIMARY KEY,
    generation       INTEGER NOT NULL,      -- a reset adds one; part of the Delta appId
    fingerprint      TEXT NOT NULL,         -- JSON: what may not change while state is kept
    start            TEXT NOT NULL,         -- JSON: resolved start offsets and topic ids (step 0)
    created_ms       INTEGER NOT NULL
) STRICT;

CREATE TABLE epoch (
    query            TEXT NOT NULL REFERENCES query (name),
    generation       INTEGER NOT NULL,
    epoch            INTEGER NOT NULL,
    status           TEXT NOT NULL CHECK (status IN ('prepared', 'committed')),
    nonce            TEXT NOT NULL,
    info             TEXT NOT NULL,         -- JSON: offsets, watermarks, ledger, replay_from
    now_us           INTEGER NOT NULL,      -- the epoch's current_timestamp()
    snapshot         TEXT,                  -- file name under snapshots/, NULL for a stateless query
    receipts         TEXT NOT NULL,         -- JSON array, one per sink, main table last
    versions         TEXT,                  -- JSON array of Delta versions, once committed
    PRIMARY KEY (query, generation, epoch)
) STRICT, WITHOUT ROWID;
