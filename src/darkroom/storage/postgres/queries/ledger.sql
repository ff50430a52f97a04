-- name: submit
SELECT replay, slots, moved_ids FROM ledger_submit(
    $1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17, $18, $19, $20, $21, $22, $23
)

-- name: earlier
SELECT body_digest, job_ids FROM idempotency_keys WHERE account_id = $1 AND key = $2

-- name: claim
SELECT item, promoted, outcome, moved_ids, moved_was, moved_to, moved_causes, (job).*
FROM ledger_claim($1, $2, $3, $4)

-- name: mark_finishing
SELECT item, promoted, outcome, moved_ids, moved_was, moved_to, moved_causes, (job).*
FROM ledger_mark_finishing($1, $2, $3)

-- name: finish
SELECT item, promoted, outcome, moved_ids, moved_was, moved_to, moved_causes, (job).*
FROM ledger_finish($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12)

-- name: requeue
SELECT item, promoted, outcome, moved_ids, moved_was, moved_to, moved_causes, (job).*
FROM ledger_requeue($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11)

-- name: end
SELECT item, promoted, outcome, moved_ids, moved_was, moved_to, moved_causes, (job).*
FROM ledger_end($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)

-- name: request_cancel
SELECT item, promoted, outcome, moved_ids, moved_was, moved_to, moved_causes, (job).*
FROM ledger_request_cancel($1, $2, $3, $4)

-- name: resubmit
SELECT item, promoted, outcome, moved_ids, moved_was, moved_to, moved_causes, (job).*
FROM ledger_resubmit($1, $2, $3)

-- name: active_jobs
SELECT * FROM jobs WHERE state <> 'waiting' ORDER BY id

-- name: jobs_by_id
SELECT * FROM jobs WHERE id = ANY ($1::uuid[])
UNION ALL
SELECT * FROM finished_jobs WHERE id = ANY ($1::uuid[])
