-- What operators look at and turn.

CREATE TABLE leases (
    name text PRIMARY KEY,
    holder text NOT NULL,
    epoch bigint NOT NULL,
    url text NOT NULL,
    until timestamptz NOT NULL
) WITH (fillfactor = 10);

-- seen_at has no index: heartbeats stay HOT.
CREATE TABLE workers (
    id text PRIMARY KEY,
    name text NOT NULL,
    device text NOT NULL,
    models text[] NOT NULL,
    slots integer NOT NULL CHECK (slots > 0),
    version text NOT NULL,
    state text NOT NULL CHECK (state IN ('active', 'draining', 'quarantined', 'gone')),
    reason text NOT NULL,
    registered_at timestamptz NOT NULL,
    seen_at timestamptz NOT NULL
) WITH (fillfactor = 50);

CREATE TABLE worker_tokens (
    id text PRIMARY KEY,
    name text NOT NULL,
    secret_hash bytea NOT NULL UNIQUE,
    created_at timestamptz NOT NULL,
    revoked_at timestamptz
);

CREATE TABLE moderation_log (
    id bigint PRIMARY KEY GENERATED ALWAYS AS IDENTITY,
    account_id uuid NOT NULL,
    job_id uuid,
    subject text NOT NULL,
    text text NOT NULL,
    decision text NOT NULL CHECK (decision IN ('allow', 'block')),
    policy text NOT NULL,
    category text NOT NULL,
    matched text NOT NULL,
    scores json NOT NULL,
    at timestamptz NOT NULL
);
-- One account's verdicts, and the blocked ones, newest first.
CREATE INDEX moderation_log_account ON moderation_log (account_id, id);
CREATE INDEX moderation_log_blocked ON moderation_log (id) WHERE decision = 'block';

CREATE TABLE secrets (
    name text PRIMARY KEY,
    value bytea NOT NULL
);
