-- Long lists of images: narrowed, counted and entered anywhere on one index; and the pairs that somebody ranked.

-- How the sides of a picture compare, from its first file: core.images.Ratio.
CREATE FUNCTION files_ratio(files json) RETURNS text LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE
RETURN CASE sign((files -> 0 ->> 3)::integer - (files -> 0 ->> 4)::integer)
    WHEN 1 THEN 'landscape' WHEN 0 THEN 'square' WHEN -1 THEN 'portrait' END;

ALTER TABLE images ADD COLUMN ratio text GENERATED ALWAYS AS (files_ratio(files)) STORED;

-- An account's pictures, newest first, with what a list is narrowed by.
DROP INDEX images_account;
CREATE INDEX images_shown ON images (account_id, id) INCLUDE (job_id, created_at, visibility, ratio, replay)
    WHERE index IS NOT NULL AND trashed_at IS NULL;

-- What somebody ranked.
CREATE INDEX signals_ranked ON signals (account_id, image_id) WHERE choice IN ('preferred', 'tied', 'skipped');
