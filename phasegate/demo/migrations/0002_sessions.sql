-- Times are seconds since 1970-01-01 UTC. The context and the script never change once a session is open.
CREATE TABLE sessions (
    request_id TEXT PRIMARY KEY,
    title      TEXT NOT NULL REFERENCES functions (title),
    context    TEXT NOT NULL CHECK (json_valid(context)),
    script     TEXT NOT NULL,
    created_at REAL NOT NULL,
    expires_at REAL NOT NULL CHECK (expires_at > created_at),
    executions INTEGER NOT NULL DEFAULT 0 CHECK (executions >= 0)
) STRICT;

CREATE INDEX sessions_by_expiry ON sessions (expires_at);

CREATE TABLE results (
    request_id     TEXT NOT NULL REFERENCES sessions (request_id) ON DELETE CASCADE,
    params_hash    TEXT NOT NULL,
    result         TEXT NOT NULL CHECK (json_valid(result)),
    execution_time REAL NOT NULL CHECK (execution_time >= 0),
    created_at     REAL NOT NULL,
    PRIMARY KEY (request_id, params_hash)
) STRICT, WITHOUT ROWID;
