-- Files are deleted by one process while others bring the same bytes; and what is drawn again only to be compared is told apart.

-- While a sweep deletes a file, nobody may count on it.
ALTER TABLE leftover_files ADD COLUMN taken_until timestamptz;

-- Files that are being put while no row keeps them yet. What a crash leaves here is checked when its time is over.
CREATE UNLOGGED TABLE file_holds (
    id uuid PRIMARY KEY,
    digests text[] NOT NULL,
    until timestamptz NOT NULL
);

-- A replay is no new image: it has its place in the lineage and in its job, and in no list.
ALTER TABLE images ADD COLUMN replay boolean NOT NULL DEFAULT false;
UPDATE images i SET replay = true FROM finished_jobs j
WHERE j.id = i.job_id AND j.recipe IS NOT NULL AND j.recipe::json ->> 'replay_of' IS NOT NULL;
DROP INDEX images_public;
CREATE INDEX images_public ON images (id) INCLUDE (job_id)
    WHERE visibility = 'public' AND index IS NOT NULL AND trashed_at IS NULL AND NOT replay;
