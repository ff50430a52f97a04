-- What people say against verdicts, and what the pages of operators and of the refused ask for.

CREATE TABLE appeals (
    id uuid PRIMARY KEY,
    verdict_id bigint NOT NULL UNIQUE, -- of moderation_log, which nothing is deleted from
    account_id uuid NOT NULL,
    reason text NOT NULL,
    at timestamptz NOT NULL,
    state text NOT NULL DEFAULT 'open' CHECK (state IN ('open', 'granted', 'denied')),
    note text NOT NULL DEFAULT '',
    decided_by uuid,
    decided_at timestamptz,
    CONSTRAINT appeals_decided CHECK ((state = 'open') = (decided_at IS NULL) AND (state = 'open') = (decided_by IS NULL))
);
-- What operators still have to read, and how many of an account's that are.
CREATE INDEX appeals_open ON appeals (id) WHERE state = 'open';
CREATE INDEX appeals_open_account ON appeals (account_id) WHERE state = 'open';

-- What was refused of one account, newest first: among all its verdicts that is little.
CREATE INDEX moderation_log_refused ON moderation_log (account_id, id) WHERE decision = 'block';

-- What ended over time. Rows are wide, and a week of them would be read for a few small columns: so these are here.
CREATE INDEX finished_jobs_ended ON finished_jobs (finished_at) INCLUDE (id, lane, state, images, measured_gpu_ms);
