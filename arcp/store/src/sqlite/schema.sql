-- Version 1. Numbers without a sign are kept as those with one that have the same bits.
CREATE TABLE meta (schema INTEGER NOT NULL) STRICT;
INSERT INTO meta VALUES (1);

CREATE TABLE sessions (
    session INTEGER PRIMARY KEY,
    id TEXT NOT NULL,
    principal TEXT NOT NULL,
    token_hash BLOB NOT NULL,
    former_hash BLOB,
    features TEXT NOT NULL, -- JSON
    dialect TEXT NOT NULL
) STRICT;

-- Events of a job that follow each other in a session: from `first` on, by the job's numbers from `start` on.
CREATE TABLE told (
    session INTEGER NOT NULL,
    first INTEGER NOT NULL,
    job INTEGER NOT NULL,
    start INTEGER NOT NULL,
    count INTEGER NOT NULL,
    PRIMARY KEY (session, first)
) STRICT, WITHOUT ROWID;

CREATE TABLE acked (session INTEGER PRIMARY KEY, done INTEGER NOT NULL) STRICT;

CREATE TABLE follows (
    session INTEGER NOT NULL,
    job INTEGER NOT NULL,
    PRIMARY KEY (session, job)
) STRICT, WITHOUT ROWID;
CREATE INDEX follows_job ON follows (job);

CREATE TABLE jobs (
    job INTEGER PRIMARY KEY,
    id TEXT NOT NULL,
    session INTEGER NOT NULL,
    principal TEXT NOT NULL,
    agent TEXT NOT NULL,
    input TEXT NOT NULL, -- JSON
    lease TEXT NOT NULL, -- JSON
    expires_us INTEGER,
    runs_until_us INTEGER,
    parent INTEGER,
    delegate_id TEXT,
    traceparent TEXT NOT NULL,
    created_us INTEGER NOT NULL,
    attempt INTEGER NOT NULL,
    status TEXT,
    ended_us INTEGER
) STRICT;

CREATE TABLE events (
    job INTEGER NOT NULL,
    number INTEGER NOT NULL,
    class TEXT NOT NULL,
    payload TEXT NOT NULL,
    PRIMARY KEY (job, number)
) STRICT, WITHOUT ROWID;

CREATE TABLE budgets (
    job INTEGER NOT NULL,
    currency TEXT NOT NULL,
    amount TEXT NOT NULL,
    PRIMARY KEY (job, currency)
) STRICT, WITHOUT ROWID;

-- `age` is the order in which they came.
CREATE TABLE keys (
    age INTEGER PRIMARY KEY,
    principal TEXT NOT NULL,
    key TEXT NOT NULL,
    hash BLOB NOT NULL,
    job INTEGER NOT NULL,
    job_id TEXT NOT NULL,
    accepted TEXT NOT NULL,
    created_us INTEGER NOT NULL,
    class TEXT,
    terminal TEXT,
    UNIQUE (principal, key)
) STRICT;

CREATE TABLE credentials (
    job INTEGER NOT NULL,
    credential TEXT NOT NULL,
    job_id TEXT NOT NULL,
    PRIMARY KEY (job, credential)
) STRICT, WITHOUT ROWID;
