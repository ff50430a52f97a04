-- What narrows a list of images: conditions on `p`, an image of the account $1. Each is joined with AND where it is wanted, and its
-- $value is numbered then, so that every combination has a plan of its own.

-- name: not_replay
NOT p.replay

-- name: before
p.id < $value

-- name: folder
p.id IN (SELECT image_id FROM folder_images WHERE folder_id = $value)

-- name: liked
EXISTS (SELECT FROM marks m WHERE m.account_id = $1 AND m.image_id = p.id AND m.liked)

-- name: not_liked
NOT EXISTS (SELECT FROM marks m WHERE m.account_id = $1 AND m.image_id = p.id AND m.liked)

-- name: favourite
EXISTS (SELECT FROM marks m WHERE m.account_id = $1 AND m.image_id = p.id AND m.favourite)

-- name: not_favourite
NOT EXISTS (SELECT FROM marks m WHERE m.account_id = $1 AND m.image_id = p.id AND m.favourite)

-- name: hidden
EXISTS (SELECT FROM marks m WHERE m.account_id = $1 AND m.image_id = p.id AND m.hidden)

-- name: not_hidden
NOT EXISTS (SELECT FROM marks m WHERE m.account_id = $1 AND m.image_id = p.id AND m.hidden)

-- name: rating
EXISTS (SELECT FROM marks m WHERE m.account_id = $1 AND m.image_id = p.id AND m.rating >= $value)

-- name: model
p.job_id IN (SELECT j.id FROM finished_jobs j WHERE j.account_id = $1 AND j.model = $value)

-- name: words
(numnode(plainto_tsquery('simple', $value)) = 0 OR p.job_id IN (
    SELECT j.id FROM finished_jobs j
    WHERE j.account_id = $1 AND to_tsvector('simple', j.words) @@ plainto_tsquery('simple', $value)
))

-- name: visibility
p.visibility = $value

-- name: ratio
p.ratio = $value

-- name: since
p.created_at >= $value

-- name: until
p.created_at < $value
