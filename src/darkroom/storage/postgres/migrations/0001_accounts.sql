-- People, what lets them in, and their money. The sums on an account's row are the sums of its entries, kept under its lock.

CREATE TABLE accounts (
    id uuid PRIMARY KEY,
    name text NOT NULL UNIQUE,
    role text NOT NULL CHECK (role IN ('owner', 'admin', 'member')),
    plan text NOT NULL,
    lane text NOT NULL,
    visibility text NOT NULL,
    blocked_reason text NOT NULL DEFAULT '',
    created_at timestamptz NOT NULL,
    period_start timestamptz NOT NULL,
    period_end timestamptz NOT NULL,
    running integer NOT NULL DEFAULT 0 CHECK (running >= 0),
    waiting integer NOT NULL DEFAULT 0 CHECK (waiting >= 0),
    -- The cap of the newest submission: how far freed slots may be handed on.
    running_cap integer NOT NULL DEFAULT 0 CHECK (running_cap >= 0),
    granted_gpu_ms bigint NOT NULL DEFAULT 0 CHECK (granted_gpu_ms >= 0),
    expired_gpu_ms bigint NOT NULL DEFAULT 0 CHECK (expired_gpu_ms >= 0),
    settled_gpu_ms bigint NOT NULL DEFAULT 0 CHECK (settled_gpu_ms >= 0),
    held_gpu_ms bigint NOT NULL DEFAULT 0 CHECK (held_gpu_ms >= 0)
) WITH (fillfactor = 30, autovacuum_vacuum_scale_factor = 0.0, autovacuum_vacuum_threshold = 500);

-- No key on id alone: nobody asks for an entry but by its account, newest first.
CREATE TABLE ledger_entries (
    id bigint NOT NULL GENERATED ALWAYS AS IDENTITY,
    account_id uuid NOT NULL,
    job_id uuid,
    kind text NOT NULL CHECK (kind IN ('grant', 'expire', 'hold', 'release', 'settle')),
    amount_gpu_ms bigint NOT NULL CHECK (amount_gpu_ms >= 0),
    at timestamptz NOT NULL,
    note text NOT NULL DEFAULT '',
    PRIMARY KEY (account_id, id)
);
-- A job is held, released and settled once: this is what makes a second charge impossible.
CREATE UNIQUE INDEX ledger_entries_once ON ledger_entries (job_id, kind) WHERE job_id IS NOT NULL;

CREATE TABLE api_keys (
    id uuid PRIMARY KEY,
    account_id uuid NOT NULL REFERENCES accounts,
    name text NOT NULL,
    prefix text NOT NULL,
    scopes text[] NOT NULL,
    secret_hash bytea NOT NULL UNIQUE,
    created_at timestamptz NOT NULL,
    last_used_at timestamptz,
    revoked_at timestamptz
) WITH (fillfactor = 70);
-- The keys of one account, as its page lists them.
CREATE INDEX api_keys_account ON api_keys (account_id, id);

CREATE TABLE logins (
    secret_hash bytea PRIMARY KEY,
    account_id uuid NOT NULL REFERENCES accounts,
    expires_at timestamptz NOT NULL
);

CREATE TABLE sessions (
    secret_hash bytea PRIMARY KEY,
    account_id uuid NOT NULL REFERENCES accounts,
    expires_at timestamptz NOT NULL
);
