-- name: refusals
SELECT * FROM moderation_log
WHERE account_id = $1 AND decision = 'block' AND id < coalesce($2::bigint, 9223372036854775807)
ORDER BY id DESC LIMIT $3

-- name: add
SELECT * FROM appeal_add($1, $2, $3, $4, $5, $6)

-- name: decide
UPDATE appeals SET state = CASE WHEN $2 THEN 'granted' ELSE 'denied' END, note = $3, decided_by = $4, decided_at = $5
WHERE id = $1 AND state = 'open' RETURNING *

-- name: get
SELECT * FROM appeals WHERE id = $1

-- name: of_verdicts
SELECT * FROM appeals WHERE verdict_id = ANY ($1::bigint[])

-- name: cases
SELECT a.id AS appeal_id, a.verdict_id, a.reason, a.at AS appealed_at, a.state, a.note, a.decided_by, a.decided_at, m.*
FROM appeals a JOIN moderation_log m ON m.id = a.verdict_id
WHERE (a.state = 'open') = $1 AND ($2::uuid IS NULL OR a.id < $2)
ORDER BY a.id DESC LIMIT $3

-- name: open_of
SELECT account_id, count(*) AS appeals FROM appeals WHERE state = 'open' AND account_id = ANY ($1::uuid[])
GROUP BY account_id
