-- No reference to sessions: a log outlives the session, and also records ids that never existed.
CREATE TABLE request_logs (
    id       INTEGER PRIMARY KEY,
    at       REAL NOT NULL,
    method   TEXT NOT NULL,
    path     TEXT NOT NULL,
    status   INTEGER NOT NULL,
    duration REAL NOT NULL CHECK (duration >= 0)
) STRICT;

CREATE INDEX request_logs_by_time ON request_logs (at);
