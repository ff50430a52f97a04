-- name: create
SELECT * FROM account_create($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11)

-- name: get
SELECT * FROM accounts WHERE id = $1

-- name: all
SELECT * FROM accounts WHERE $1::uuid IS NULL OR id > $1 ORDER BY id LIMIT $2

-- name: names
SELECT id, name FROM accounts WHERE id = ANY ($1::uuid[])

-- name: update
SELECT * FROM account_update($1, $2, $3, $4, $5, $6)

-- name: add_key
INSERT INTO api_keys (id, account_id, name, prefix, scopes, secret_hash, created_at, last_used_at, revoked_at)
VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9) RETURNING *

-- name: keys
SELECT * FROM api_keys WHERE account_id = $1 ORDER BY id

-- name: revoke_key
UPDATE api_keys SET revoked_at = coalesce(revoked_at, $3) WHERE id = $1 AND account_id = $2 RETURNING *

-- name: find_key
SELECT a.*, k.id AS key_id, k.name AS key_name, k.prefix, k.scopes, k.created_at AS key_created_at, k.last_used_at
FROM api_keys k JOIN accounts a ON a.id = k.account_id
WHERE k.secret_hash = $1 AND k.revoked_at IS NULL

-- name: touch_keys
UPDATE api_keys k SET last_used_at = greatest(k.last_used_at, u.at)
FROM unnest($1::uuid[], $2::timestamptz[]) AS u (id, at) WHERE k.id = u.id

-- name: add_login
INSERT INTO logins (secret_hash, account_id, expires_at) VALUES ($1, $2, $3)

-- name: take_login
WITH spent AS (DELETE FROM logins WHERE secret_hash = $1 RETURNING account_id, expires_at)
SELECT a.* FROM spent JOIN accounts a ON a.id = spent.account_id WHERE spent.expires_at > $2

-- name: add_session
INSERT INTO sessions (secret_hash, account_id, expires_at) VALUES ($1, $2, $3)

-- name: find_session
SELECT a.* FROM sessions s JOIN accounts a ON a.id = s.account_id WHERE s.secret_hash = $1 AND s.expires_at > $2

-- name: end_session
DELETE FROM sessions WHERE secret_hash = $1

-- name: statement
SELECT * FROM ledger_entries
WHERE account_id = $1 AND ($2::bigint IS NULL OR id < $2) AND amount_gpu_ms > 0 ORDER BY id DESC LIMIT $3

-- name: usage
-- A job's id carries when it was submitted, so that the bounds on ids leave all but the days around the wanted ones alone.
SELECT (finished_at AT TIME ZONE 'UTC')::date AS day, lane, sum(coalesce(charged_gpu_ms, 0))::bigint AS gpu_ms,
    count(*) AS jobs, coalesce(sum(images) FILTER (WHERE state = 'completed'), 0)::bigint AS images
FROM finished_jobs
WHERE account_id = $1 AND id >= $2 AND id < $3 AND finished_at >= $4 AND finished_at < $5
GROUP BY 1, 2 ORDER BY 1, 2

-- name: grant
SELECT * FROM account_grant($1, $2, $3, $4)

-- name: renew
SELECT * FROM account_renew($1, $2, $3, $4)
