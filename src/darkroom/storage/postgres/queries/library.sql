-- name: job
SELECT * FROM jobs WHERE id = $1
UNION ALL
SELECT * FROM finished_jobs WHERE id = $1

-- name: jobs
-- Both halves are read newest first and no further than the page needs; ids carry their time, so `before` prunes days.
(
    SELECT * FROM jobs
    WHERE ($1::uuid IS NULL OR account_id = $1) AND (cardinality($2::text[]) = 0 OR state = ANY ($2))
        AND ($3::text IS NULL OR lane = $3) AND ($4::text IS NULL OR model = $4)
        AND ($5::uuid IS NULL OR batch_id = $5) AND ($7::uuid IS NULL OR id < $7)
        AND (numnode(plainto_tsquery('simple', $6)) = 0
            OR to_tsvector('simple', words) @@ plainto_tsquery('simple', $6))
    ORDER BY id DESC LIMIT $8
)
UNION ALL
(
    SELECT * FROM finished_jobs
    WHERE ($1::uuid IS NULL OR account_id = $1) AND (cardinality($2::text[]) = 0 OR state = ANY ($2))
        AND ($3::text IS NULL OR lane = $3) AND ($4::text IS NULL OR model = $4)
        AND ($5::uuid IS NULL OR batch_id = $5) AND ($7::uuid IS NULL OR id < $7)
        AND (numnode(plainto_tsquery('simple', $6)) = 0
            OR to_tsvector('simple', words) @@ plainto_tsquery('simple', $6))
    ORDER BY id DESC LIMIT $8
)
ORDER BY id DESC LIMIT $8

-- name: history
SELECT * FROM job_history WHERE job_id = $1 ORDER BY id

-- name: moved_since
SELECT * FROM job_history WHERE id > $1 AND ($2::uuid IS NULL OR account_id = $2) ORDER BY id LIMIT $3

-- name: newest_event
SELECT coalesce(max(id), 0) AS id FROM job_history

-- name: newest_event_of
SELECT coalesce(max(id), 0) AS id FROM job_history WHERE account_id = $1

-- name: image
SELECT i.*, j.model, j.seed, j.prompt, j.recipe
FROM images i JOIN finished_jobs j ON j.id = i.job_id WHERE i.id = $1

-- name: images_of
SELECT i.*, j.model, j.seed, j.prompt, j.recipe
FROM images i JOIN finished_jobs j ON j.id = i.job_id WHERE i.job_id = ANY ($1::uuid[])
ORDER BY i.job_id, i.index NULLS LAST

-- name: images
SELECT i.*, j.model, j.seed, j.prompt, j.recipe
FROM images i JOIN finished_jobs j ON j.id = i.job_id
WHERE i.account_id = $1 AND i.index IS NOT NULL AND ($2::uuid IS NULL OR i.id < $2)
    AND i.trashed_at IS NULL AND i.deleted_at IS NULL AND NOT i.replay
    AND (numnode(plainto_tsquery('simple', $4)) = 0
        OR to_tsvector('simple', j.words) @@ plainto_tsquery('simple', $4))
ORDER BY i.id DESC LIMIT $3

-- name: waiting_ahead
SELECT job_id, ahead FROM (
    SELECT job_id, row_number() OVER (PARTITION BY account_id ORDER BY rank, job_id) - 1 AS ahead
    FROM waiting_jobs WHERE account_id = ANY ($1::uuid[])
) AS w WHERE job_id = ANY ($2::uuid[])

-- name: queue_depth
SELECT state, lane, count(*) AS jobs FROM jobs GROUP BY state, lane
