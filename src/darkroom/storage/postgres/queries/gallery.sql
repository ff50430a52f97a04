-- name: images
SELECT i.*, j.model, j.seed, j.prompt, j.recipe
FROM images i JOIN finished_jobs j ON j.id = i.job_id WHERE i.id = ANY ($1::uuid[])

-- name: marks
SELECT * FROM marks WHERE account_id = $1 AND image_id = ANY ($2::uuid[])

-- name: mark
SELECT was, become FROM gallery_mark($1, $2, $3, $4, $5, $6, $7)

-- name: likes
SELECT image_id, count(*) AS likes FROM marks WHERE image_id = ANY ($1::uuid[]) AND liked GROUP BY image_id

-- name: set_visibility
SELECT i.*, j.model, j.seed, j.prompt, j.recipe
FROM gallery_set_visibility($1, $2, $3) i JOIN finished_jobs j ON j.id = i.job_id

-- name: trash
SELECT i.*, j.model, j.seed, j.prompt, j.recipe
FROM gallery_trash($1, $2, $3) i JOIN finished_jobs j ON j.id = i.job_id

-- name: restore
SELECT i.*, j.model, j.seed, j.prompt, j.recipe
FROM gallery_restore($1, $2) i JOIN finished_jobs j ON j.id = i.job_id

-- name: delete
SELECT i.*, j.model, j.seed, j.prompt, j.recipe
FROM gallery_delete($1, $2, $3) i JOIN finished_jobs j ON j.id = i.job_id

-- name: hold
SELECT files_hold($1, $2, $3, $4) AS held

-- name: release
DELETE FROM file_holds WHERE id = $1

-- name: take_leftovers
SELECT digest FROM files_take($1, $2, $3) AS digest

-- name: forget_leftovers
DELETE FROM leftover_files WHERE digest = ANY ($1::text[])

-- name: trashed
SELECT i.*, j.model, j.seed, j.prompt, j.recipe
FROM images i JOIN finished_jobs j ON j.id = i.job_id
WHERE i.account_id = $1 AND i.trashed_at IS NOT NULL AND i.deleted_at IS NULL AND ($2::uuid IS NULL OR i.id < $2)
ORDER BY i.id DESC LIMIT $3

-- name: trashed_before
SELECT i.*, j.model, j.seed, j.prompt, j.recipe
FROM images i JOIN finished_jobs j ON j.id = i.job_id
WHERE i.trashed_at < $1 AND i.deleted_at IS NULL
ORDER BY i.trashed_at, i.id LIMIT $2

-- name: add_folder
SELECT f.*, 0 AS images FROM gallery_add_folder($1, $2, $3, $4, $5, $6) f

-- name: folder
SELECT f.*, (
    SELECT count(*) FROM folder_images l JOIN images i ON i.id = l.image_id
    WHERE l.folder_id = f.id AND i.trashed_at IS NULL
) AS images
FROM folders f WHERE f.id = $1 AND f.account_id = $2

-- name: folders
SELECT f.*, (
    SELECT count(*) FROM folder_images l JOIN images i ON i.id = l.image_id
    WHERE l.folder_id = f.id AND i.trashed_at IS NULL
) AS images
FROM folders f WHERE f.account_id = $1 ORDER BY f.name_key, f.id

-- name: rename_folder
SELECT id FROM gallery_rename_folder($1, $2, $3, $4)

-- name: delete_folder
DELETE FROM folders WHERE id = $1 AND account_id = $2 RETURNING id

-- name: arrange
SELECT gallery_arrange($1, $2, $3, $4, $5, $6)

-- name: find
-- The page is found on an index alone, however far down it lies; only its own rows are read. finding.sql has what narrows it.
SELECT i.*, j.model, j.seed, j.prompt, j.recipe
FROM (
    SELECT p.id FROM images p
    WHERE p.account_id = $1 AND p.index IS NOT NULL AND p.trashed_at IS NULL /* narrowed */
    ORDER BY p.id DESC LIMIT $2 OFFSET $3
) f JOIN images i ON i.id = f.id JOIN finished_jobs j ON j.id = i.job_id
ORDER BY i.id DESC

-- name: count
SELECT count(*) AS images FROM images p
WHERE p.account_id = $1 AND p.index IS NOT NULL AND p.trashed_at IS NULL /* narrowed */

-- name: explore_new
SELECT i.*, j.model, j.seed, j.prompt, j.recipe, 0 AS likes
FROM (
    SELECT p.id FROM images p
    WHERE p.visibility = 'public' AND p.index IS NOT NULL AND p.trashed_at IS NULL AND NOT p.replay
        AND NOT EXISTS (SELECT FROM marks h WHERE h.account_id = $1 AND h.image_id = p.id AND h.hidden)
        AND ($3::uuid IS NULL OR p.id < $3) /* words */
    ORDER BY p.id DESC LIMIT $2
) f JOIN images i ON i.id = f.id JOIN finished_jobs j ON j.id = i.job_id
ORDER BY i.id DESC

-- name: explore_random
-- The hash orders by itself, the seed shuffles; a page needs the ids of all public images and the rows of its own.
SELECT i.*, j.model, j.seed, j.prompt, j.recipe, 0 AS likes
FROM (
    SELECT p.id FROM images p
    WHERE p.visibility = 'public' AND p.index IS NOT NULL AND p.trashed_at IS NULL AND NOT p.replay
        AND NOT EXISTS (SELECT FROM marks h WHERE h.account_id = $1 AND h.image_id = p.id AND h.hidden)
        AND ($3::uuid IS NULL
            OR (uuid_hash_extended(p.id, $4), p.id) < (uuid_hash_extended($3, $4), $3)) /* words */
    ORDER BY uuid_hash_extended(p.id, $4) DESC, p.id DESC LIMIT $2
) f JOIN images i ON i.id = f.id JOIN finished_jobs j ON j.id = i.job_id
ORDER BY uuid_hash_extended(i.id, $4) DESC, i.id DESC

-- name: explore_top
SELECT i.*, j.model, j.seed, j.prompt, j.recipe, f.likes
FROM gallery_top($1, $2, $3, $4, $5, $6, $7) f
JOIN images i ON i.id = f.id JOIN finished_jobs j ON j.id = i.job_id
ORDER BY f.likes DESC, i.id DESC

-- name: add_search
SELECT * FROM gallery_add_search($1, $2, $3, $4, $5, $6)

-- name: searches
SELECT * FROM searches WHERE account_id = $1 ORDER BY id

-- name: delete_search
DELETE FROM searches WHERE id = $1 AND account_id = $2 RETURNING id

-- name: record
INSERT INTO signals (account_id, choice, image_id, job_id, beside, value, at)
SELECT account_id, choice, image_id, job_id, string_to_array(beside, ' ')::uuid[], value, at
FROM unnest($1::uuid[], $2::text[], $3::uuid[], $4::uuid[], $5::text[], $6::smallint[], $7::timestamptz[])
    WITH ORDINALITY AS s (account_id, choice, image_id, job_id, beside, value, at, place)
ORDER BY place
ON CONFLICT DO NOTHING

-- name: ranked
SELECT image_id, beside FROM signals
WHERE account_id = $1 AND choice IN ('preferred', 'tied', 'skipped') AND image_id = ANY ($2::uuid[])

-- name: signals
SELECT * FROM signals WHERE account_id = $1 AND ($2::bigint IS NULL OR id < $2) ORDER BY id DESC LIMIT $3
