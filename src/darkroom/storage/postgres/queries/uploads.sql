-- name: add
INSERT INTO uploads (id, account_id, kind, digest, width, height, size_bytes, source, scores, policy, created_at)
VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11) ON CONFLICT DO NOTHING RETURNING *

-- name: same
-- The very same call again finds its own row, even where that was deleted since.
SELECT * FROM uploads
WHERE (account_id = $1 AND kind = $2 AND digest = $3 AND deleted_at IS NULL) OR id = $4
ORDER BY deleted_at IS NULL DESC LIMIT 1

-- name: get
SELECT * FROM uploads WHERE id = $1

-- name: all
SELECT * FROM uploads
WHERE account_id = $1 AND kind = $4 AND deleted_at IS NULL AND ($2::uuid IS NULL OR id < $2)
ORDER BY id DESC LIMIT $3

-- name: kept
SELECT count(*) AS count, coalesce(sum(size_bytes), 0)::bigint AS size_bytes
FROM uploads WHERE account_id = $1 AND deleted_at IS NULL

-- name: delete
SELECT (upload).*, unkept FROM upload_delete($1, $2, $3)
