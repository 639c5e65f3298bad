-- SPDX-License-Identifier: MIT
-- What `millrace serve` is told to run, and what happened to it. `query` and `epoch` of 0001 say how far each has come.

CREATE TABLE migration (                    -- which text made this database
    number           INTEGER PRIMARY KEY,
    checksum         INTEGER NOT NULL       -- CRC-32C of the file
) STRICT;

CREATE TABLE resource (
    kind             TEXT NOT NULL CHECK (kind IN ('query', 'producer')),
    name             TEXT NOT NULL,
    spec             TEXT NOT NULL,         -- JSON: what a user writes
    desired          TEXT NOT NULL CHECK (desired IN ('running', 'stopped')),
    revision         INTEGER NOT NULL,      -- one more at each write: the ETag
    created_ms       INTEGER NOT NULL,
    updated_ms       INTEGER NOT NULL,
    PRIMARY KEY (kind, name)
) STRICT, WITHOUT ROWID;

CREATE TABLE event (                        -- the newest few thousand
    id               INTEGER PRIMARY KEY AUTOINCREMENT,
    at_ms            INTEGER NOT NULL,
    level            TEXT NOT NULL CHECK (level IN ('info', 'warn', 'error')),
    kind             TEXT NOT NULL CHECK (kind IN ('query', 'producer', 'service', 'broker')),
    subject          TEXT NOT NULL,
    text             TEXT NOT NULL
) STRICT;
