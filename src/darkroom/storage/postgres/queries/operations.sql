-- name: acquire_lease
SELECT * FROM dispatch_acquire($1, $2, $3, $4)

-- name: release_lease
UPDATE leases SET holder = '', until = to_timestamp(0) WHERE name = 'dispatch' AND holder = $1

-- name: register_worker
INSERT INTO workers AS w (id, name, device, models, slots, version, state, reason, registered_at, seen_at)
VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)
ON CONFLICT (id) DO UPDATE
SET name = excluded.name, device = excluded.device, models = excluded.models, slots = excluded.slots,
    version = excluded.version, registered_at = excluded.registered_at, seen_at = excluded.seen_at,
    state = CASE w.state WHEN 'quarantined' THEN w.state ELSE excluded.state END,
    reason = CASE w.state WHEN 'quarantined' THEN w.reason ELSE excluded.reason END
RETURNING *

-- name: see_workers
UPDATE workers w SET seen_at = u.at
FROM unnest($1::text[], $2::timestamptz[]) AS u (id, at) WHERE w.id = u.id

-- name: set_worker_state
UPDATE workers SET state = $2, reason = $3 WHERE id = $1 RETURNING *

-- name: workers
SELECT * FROM workers ORDER BY id

-- name: add_worker_token
INSERT INTO worker_tokens (id, name, secret_hash, created_at, revoked_at) VALUES ($1, $2, $3, $4, $5) RETURNING *

-- name: worker_tokens
SELECT * FROM worker_tokens ORDER BY id

-- name: find_worker_token
SELECT * FROM worker_tokens WHERE secret_hash = $1 AND revoked_at IS NULL

-- name: revoke_worker_token
UPDATE worker_tokens SET revoked_at = coalesce(revoked_at, $2) WHERE id = $1 RETURNING *

-- name: dead_letters
SELECT * FROM dead_letters
WHERE ($1::uuid IS NULL OR job_id < $1) AND (NOT $3 OR resolution = '') ORDER BY job_id DESC LIMIT $2

-- name: dead_letter
SELECT * FROM dead_letters WHERE job_id = $1

-- name: drop_dead_letter
UPDATE dead_letters SET resolution = 'dropped', resolved_at = $2 WHERE job_id = $1 AND resolution = '' RETURNING *

-- name: log_verdicts
INSERT INTO moderation_log (account_id, job_id, subject, text, decision, policy, category, matched, scores, at)
SELECT * FROM unnest(
    $1::uuid[], $2::uuid[], $3::text[], $4::text[], $5::text[], $6::text[], $7::text[], $8::text[], $9::json[],
    $10::timestamptz[]
)

-- name: verdicts
SELECT * FROM moderation_log
WHERE ($1::bigint IS NULL OR id < $1) AND (NOT $3 OR decision = 'block')
    AND ($4::uuid IS NULL OR account_id = $4) AND ($5::text IS NULL OR subject = $5)
ORDER BY id DESC LIMIT $2

-- name: make_secret
INSERT INTO secrets (name, value) VALUES ($1, $2) ON CONFLICT DO NOTHING

-- name: secret
SELECT value FROM secrets WHERE name = $1

-- name: lane_queues
SELECT * FROM lane_queues($1)

-- name: ended
SELECT * FROM jobs_ended($1, $2, $3)

-- name: vitals
SELECT (SELECT count(*) FROM (SELECT FROM dead_letters WHERE resolution = '' LIMIT 10000) AS l) AS open_dead_letters,
    (SELECT min(ready_at) FROM jobs WHERE state = 'ready') AS oldest_ready_at,
    pg_database_size(current_database()) AS database_bytes

-- name: ping
SELECT 1

-- name: prepare_days
SELECT finished_jobs_prepare($1, $2)

-- name: forget_keys
DELETE FROM idempotency_keys WHERE at < $1

-- name: forget_logins
DELETE FROM logins WHERE expires_at < $1

-- name: forget_sessions
DELETE FROM sessions WHERE expires_at < $1
