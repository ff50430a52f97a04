-- Published pictures. What they share with their job (model, seed, prompt, visibility) is read from its row.
-- files, scores and provenance are JSON text that is only kept and handed back, so it is stored as it was written.

CREATE TABLE images (
    id uuid PRIMARY KEY,
    job_id uuid NOT NULL,
    account_id uuid NOT NULL,
    index smallint,
    files json NOT NULL,
    scores json NOT NULL,
    policy text NOT NULL,
    provenance text NOT NULL,
    created_at timestamptz NOT NULL
);
-- The pictures of some jobs, and an account's pictures without grids, newest first.
CREATE INDEX images_job ON images (job_id);
CREATE INDEX images_account ON images (account_id, id) WHERE index IS NOT NULL;
