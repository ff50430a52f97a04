-- The steps that the ledger's operations share. Whoever calls one holds the row lock of the job's account.

-- What an operation did to one job: which item of the call it answers, its transitions in order, and the job as it is now.
DROP TYPE IF EXISTS ledger_change CASCADE;
CREATE TYPE ledger_change AS (
    item integer,
    promoted boolean,
    outcome text,
    moved_ids bigint[],
    moved_was text[],
    moved_to text[],
    moved_causes text[],
    job jobs
);

CREATE OR REPLACE FUNCTION ledger_lane_rank(lane text) RETURNS smallint LANGUAGE sql IMMUTABLE AS $$
    SELECT (CASE lane WHEN 'turbo' THEN 0 WHEN 'fast' THEN 1 ELSE 2 END)::smallint
$$;

-- Locks the accounts of some jobs, by id: the first lock of every operation, so that no two can wait for each other.
CREATE OR REPLACE FUNCTION ledger_lock_accounts(job_ids uuid[]) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
    PERFORM 1 FROM accounts
    WHERE id IN (SELECT jobs.account_id FROM jobs WHERE jobs.id = ANY (job_ids))
    ORDER BY id FOR NO KEY UPDATE;
END
$$;

-- Ends a job: out of the active table, the hold released, the charge settled (NULL: nothing settles), the counters lowered.
-- True where a waiting job may have the slot.
CREATE OR REPLACE FUNCTION ledger_close(j jobs, was text, charge_gpu_ms bigint) RETURNS boolean LANGUAGE plpgsql AS $$
DECLARE
    v_hand_on boolean;
BEGIN
    DELETE FROM jobs WHERE id = j.id;
    INSERT INTO finished_jobs SELECT (j).*;
    IF charge_gpu_ms IS NULL THEN
        INSERT INTO ledger_entries (account_id, job_id, kind, amount_gpu_ms, at)
        VALUES (j.account_id, j.id, 'release', j.hold_gpu_ms, j.finished_at);
    ELSE
        INSERT INTO ledger_entries (account_id, job_id, kind, amount_gpu_ms, at)
        VALUES (j.account_id, j.id, 'release', j.hold_gpu_ms, j.finished_at),
               (j.account_id, j.id, 'settle', charge_gpu_ms, j.finished_at);
    END IF;
    IF was = 'waiting' THEN
        DELETE FROM waiting_jobs
        WHERE account_id = j.account_id AND rank = ledger_lane_rank(j.lane) AND job_id = j.id;
        UPDATE accounts SET waiting = waiting - 1, held_gpu_ms = held_gpu_ms - j.hold_gpu_ms
        WHERE id = j.account_id;
        RETURN false;
    END IF;
    UPDATE accounts
    SET running = running - 1,
        held_gpu_ms = held_gpu_ms - j.hold_gpu_ms,
        settled_gpu_ms = settled_gpu_ms + coalesce(charge_gpu_ms, 0)
    WHERE id = j.account_id
    RETURNING waiting > 0 AND running < running_cap INTO v_hand_on;
    RETURN v_hand_on;
END
$$;

-- Hands free slots to the account's longest waiting jobs, turbo before fast before relax.
CREATE OR REPLACE FUNCTION ledger_promote(item integer, account uuid, p_now timestamptz) RETURNS SETOF ledger_change
LANGUAGE plpgsql AS $$
DECLARE
    v_rank smallint;
    v_id uuid;
    v_more boolean := true;
    j jobs;
    c ledger_change;
BEGIN
    WHILE v_more LOOP
        SELECT w.rank, w.job_id INTO STRICT v_rank, v_id FROM waiting_jobs w
        WHERE w.account_id = account ORDER BY w.rank, w.job_id LIMIT 1;
        DELETE FROM waiting_jobs w WHERE w.account_id = account AND w.rank = v_rank AND w.job_id = v_id;
        UPDATE jobs SET state = 'ready', ready_at = p_now WHERE id = v_id RETURNING * INTO STRICT j;
        UPDATE accounts SET running = running + 1, waiting = waiting - 1 WHERE id = account
        RETURNING waiting > 0 AND running < running_cap INTO v_more;
        INSERT INTO job_history (account_id, job_id, batch_id, was, state, cause, at)
        VALUES (account, v_id, j.batch_id, 'waiting', 'ready', 'slot_free', p_now)
        RETURNING ARRAY[id] INTO c.moved_ids;
        c.item := item;
        c.promoted := true;
        c.moved_was := '{waiting}';
        c.moved_to := '{ready}';
        c.moved_causes := '{slot_free}';
        c.job := j;
        RETURN NEXT c;
    END LOOP;
END
$$;

-- Walks a job from `was` to its state of now, through finishing where that is between; writes the history and says so.
CREATE OR REPLACE FUNCTION ledger_walk(
    item integer, j jobs, was text, via_finishing boolean, p_cause text, p_at timestamptz, p_detail text
) RETURNS ledger_change LANGUAGE plpgsql AS $$
DECLARE
    c ledger_change;
BEGIN
    c.item := item;
    c.promoted := false;
    c.outcome := 'accepted';
    c.job := j;
    IF via_finishing AND was = 'running' THEN
        c.moved_ids := ARRAY[nextval('job_history_id_seq'), nextval('job_history_id_seq')];
        c.moved_was := '{running,finishing}';
        c.moved_to := ARRAY['finishing', j.state];
        c.moved_causes := ARRAY['pixels_made', p_cause];
        INSERT INTO job_history (id, account_id, job_id, batch_id, was, state, cause, at, detail)
        VALUES (c.moved_ids[1], j.account_id, j.id, j.batch_id, 'running', 'finishing', 'pixels_made', p_at, ''),
               (c.moved_ids[2], j.account_id, j.id, j.batch_id, 'finishing', j.state, p_cause, p_at, p_detail);
    ELSE
        INSERT INTO job_history (account_id, job_id, batch_id, was, state, cause, at, detail)
        VALUES (j.account_id, j.id, j.batch_id, was, j.state, p_cause, p_at, p_detail)
        RETURNING ARRAY[id] INTO c.moved_ids;
        c.moved_was := ARRAY[was];
        c.moved_to := ARRAY[j.state];
        c.moved_causes := ARRAY[p_cause];
    END IF;
    RETURN c;
END
$$;

-- The answer to a report that changes nothing: the job as it is, and why.
CREATE OR REPLACE FUNCTION ledger_unchanged(item integer, p_id uuid, repeated_state text, p_fence bigint)
RETURNS ledger_change LANGUAGE plpgsql AS $$
DECLARE
    j jobs;
    c ledger_change;
BEGIN
    SELECT * INTO j FROM jobs WHERE id = p_id;
    IF NOT FOUND THEN
        SELECT * INTO j FROM finished_jobs WHERE id = p_id;
    END IF;
    c.item := item;
    c.promoted := false;
    c.outcome := CASE
        WHEN j.state = repeated_state AND (p_fence IS NULL OR j.fence = p_fence) THEN 'repeated' ELSE 'stale'
    END;
    c.job := j;
    RETURN c;
END
$$;
