-- How jobs come from pictures: the recipe, the edges that it makes, and the pictures that people bring along.

-- JSON text that is kept and handed back; NULL for a job of words alone. Both tables, and last in each: an ended job is
-- moved as a whole row. The index finds the few jobs that still need files, and costs a job of words alone nothing.
ALTER TABLE jobs ADD COLUMN recipe text;
ALTER TABLE finished_jobs ADD COLUMN recipe text;
CREATE INDEX jobs_recipe ON jobs (id) WHERE recipe IS NOT NULL;

-- An image begins with the visibility of its job and may change it alone. In the trash it waits; deleted it is a tombstone
-- without files that keeps its place in the graph.
ALTER TABLE images ADD COLUMN visibility text;
ALTER TABLE images ADD COLUMN trashed_at timestamptz;
ALTER TABLE images ADD COLUMN deleted_at timestamptz;
UPDATE images i SET visibility = j.visibility FROM finished_jobs j WHERE j.id = i.job_id;
UPDATE images SET visibility = 'stealth' WHERE visibility IS NULL;
ALTER TABLE images ALTER COLUMN visibility SET NOT NULL;

-- The files of an image by the first 64 bits of their digests: enough to find who keeps a file, at an eighth of the bytes.
CREATE FUNCTION digest_mark(digest text) RETURNS bigint LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE
RETURN ('x' || lpad(left(digest, 16), 16, '0'))::bit(64)::bigint;

CREATE FUNCTION files_marks(files json) RETURNS bigint[] LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE
RETURN ARRAY(SELECT digest_mark(file ->> 1) FROM json_array_elements(files) AS file);

-- What is inserted is sorted in by whoever fills the list of what is pending: a short one keeps that below the wait for a disk.
CREATE INDEX images_marks ON images USING gin (files_marks(files)) WITH (gin_pending_list_limit = 256);

CREATE TABLE uploads (
    id uuid PRIMARY KEY,
    account_id uuid NOT NULL REFERENCES accounts,
    kind text NOT NULL CHECK (kind IN ('picture', 'mask')),
    digest text NOT NULL,
    width integer NOT NULL,
    height integer NOT NULL,
    size_bytes bigint NOT NULL,
    source text NOT NULL,
    scores json NOT NULL,
    policy text NOT NULL,
    created_at timestamptz NOT NULL,
    deleted_at timestamptz
);
-- The same picture twice is one upload. An account's pictures, newest first. Who keeps a file.
CREATE UNIQUE INDEX uploads_once ON uploads (account_id, kind, digest) WHERE deleted_at IS NULL;
CREATE INDEX uploads_account ON uploads (account_id, id) WHERE kind = 'picture' AND deleted_at IS NULL;
CREATE INDEX uploads_digest ON uploads (digest) WHERE deleted_at IS NULL;

-- One row for each input of a job: its images were made from that parent. `drawn` once it has images; until then, and where
-- it failed, it connects nothing. `parent_group` is the parent's job where that has inputs itself, else the parent: all
-- images of a job have the same parents, so a walk goes from job to job and meets each once, whatever the number of paths.
CREATE TABLE lineage_edges (
    job_id uuid NOT NULL,
    position smallint NOT NULL,
    parent_id uuid NOT NULL,
    parent_kind text NOT NULL CHECK (parent_kind IN ('image', 'upload')),
    parent_group uuid NOT NULL,
    role text NOT NULL,
    weight double precision NOT NULL,
    drawn boolean NOT NULL DEFAULT false,
    PRIMARY KEY (job_id, position) INCLUDE (parent_id, parent_group)
);
-- What was made from one image; the walk towards what came later. Walks read indexes alone.
CREATE INDEX lineage_edges_parent ON lineage_edges (parent_id, job_id) WHERE drawn;
CREATE INDEX lineage_edges_group ON lineage_edges (parent_group, job_id) WHERE drawn;

-- A walk reads of an image only that it is one of a job's, in order.
DROP INDEX images_job;
CREATE INDEX images_job ON images (job_id, id) INCLUDE (index);

-- It has one more argument from now on.
DROP FUNCTION IF EXISTS ledger_submit(
    uuid, uuid, text, integer, integer, boolean, text, text, timestamptz, uuid[], text[], text[], text[], bigint[], text[],
    text[], bigint[], integer[], integer[], integer[], text[]
);
