-- What is read of one round when it is over. $1 are the ids of its accounts.

-- name: living
SELECT id::text, state, attempt, worker_id, fence, not_before, cancel_requested, account_id::text, prompt
FROM jobs WHERE account_id = ANY ($1::uuid[]) ORDER BY id

-- name: ended
SELECT id::text, account_id::text, batch_id::text, state, lane, source, prompt, seed, images, recipe, hold_gpu_ms, price_percent,
    attempt, rejections, fence, measured_gpu_ms, charged_gpu_ms, error_code
FROM finished_jobs WHERE account_id = ANY ($1::uuid[]) ORDER BY id

-- name: history
SELECT id, account_id::text, job_id::text, was, state, cause, at, detail
FROM job_history WHERE account_id = ANY ($1::uuid[]) ORDER BY id

-- name: entries
SELECT id, account_id::text, job_id::text, kind, amount_gpu_ms
FROM ledger_entries WHERE account_id = ANY ($1::uuid[]) ORDER BY id

-- name: accounts
SELECT id::text, running, waiting, granted_gpu_ms, expired_gpu_ms, settled_gpu_ms, held_gpu_ms
FROM accounts WHERE id = ANY ($1::uuid[])

-- name: images
SELECT id::text, job_id::text, index, files::text AS files
FROM images WHERE account_id = ANY ($1::uuid[])

-- name: letters
SELECT job_id::text, successor_id::text, resolution FROM dead_letters WHERE account_id = ANY ($1::uuid[])

-- name: stray
-- Rows that belong to no job, or to two.
SELECT 'waiting' AS what, job_id::text FROM waiting_jobs WHERE account_id = ANY ($1::uuid[])
UNION ALL
SELECT 'twice', f.id::text FROM finished_jobs f JOIN jobs j ON j.id = f.id WHERE f.account_id = ANY ($1::uuid[])
