-- What the dispatcher does to jobs: claim, mark as finishing, put back.

CREATE OR REPLACE FUNCTION ledger_claim(p_jobs uuid[], p_worker text, p_epoch bigint, p_now timestamptz)
RETURNS SETOF ledger_change LANGUAGE plpgsql
SET enable_seqscan = off SET plan_cache_mode = force_generic_plan AS $$
DECLARE
    v_lease leases;
    j jobs;
    c ledger_change;
BEGIN
    SELECT * INTO v_lease FROM leases WHERE name = 'dispatch';
    IF v_lease.epoch IS DISTINCT FROM p_epoch OR v_lease.until <= p_now THEN
        RAISE EXCEPTION USING ERRCODE = 'DR006', MESSAGE = 'not_active', DETAIL = coalesce(v_lease.url, '');
    END IF;
    PERFORM ledger_lock_accounts(p_jobs);
    FOR i IN 1..cardinality(p_jobs) LOOP
        UPDATE jobs
        SET state = 'running', worker_id = p_worker, fence = nextval('fences'), attempt = attempt + 1,
            started_at = p_now, not_before = NULL
        WHERE id = p_jobs[i] AND state = 'ready' RETURNING * INTO j;
        IF FOUND THEN
            RETURN NEXT ledger_walk(i, j, 'ready', false, 'claimed', p_now, '');
            CONTINUE;
        END IF;
        -- The very same call again, whose first answer was lost on the way: the claim is this caller's already.
        SELECT * INTO j FROM jobs
        WHERE id = p_jobs[i] AND state = 'running' AND worker_id = p_worker AND started_at = p_now;
        IF FOUND THEN
            c.item := i;
            c.promoted := false;
            c.job := j;
            RETURN NEXT c;
        END IF;
    END LOOP;
END
$$;

CREATE OR REPLACE FUNCTION ledger_mark_finishing(p_jobs uuid[], p_fences bigint[], p_now timestamptz)
RETURNS SETOF ledger_change LANGUAGE plpgsql
SET enable_seqscan = off SET plan_cache_mode = force_generic_plan AS $$
DECLARE
    j jobs;
BEGIN
    PERFORM ledger_lock_accounts(p_jobs);
    FOR i IN 1..cardinality(p_jobs) LOOP
        UPDATE jobs SET state = 'finishing'
        WHERE id = p_jobs[i] AND fence = p_fences[i] AND state = 'running' RETURNING * INTO j;
        IF FOUND THEN
            RETURN NEXT ledger_walk(i, j, 'running', false, 'pixels_made', p_now, '');
        END IF;
    END LOOP;
END
$$;

CREATE OR REPLACE FUNCTION ledger_requeue(
    p_jobs uuid[], p_fences bigint[], p_causes text[], p_not_before timestamptz[], p_avoid text[],
    p_counts boolean[], p_prompts text[], p_seeds bigint[], p_saved text[], p_details text[],
    p_now timestamptz
) RETURNS SETOF ledger_change LANGUAGE plpgsql
SET enable_seqscan = off SET plan_cache_mode = force_generic_plan AS $$
DECLARE
    v_was text;
    v_rejected boolean;
    j jobs;
BEGIN
    PERFORM ledger_lock_accounts(p_jobs);
    FOR i IN 1..cardinality(p_jobs) LOOP
        SELECT state INTO v_was FROM jobs
        WHERE id = p_jobs[i] AND fence = p_fences[i] AND state IN ('running', 'finishing');
        IF NOT FOUND THEN
            RETURN NEXT ledger_unchanged(i, p_jobs[i], NULL, NULL);
            CONTINUE;
        END IF;
        v_rejected := p_causes[i] = 'image_rejected';
        UPDATE jobs
        SET state = 'ready', worker_id = NULL, fence = NULL, not_before = p_not_before[i], saved = p_saved[i],
            attempt = attempt - (NOT p_counts[i])::integer, rejections = rejections + v_rejected::integer,
            avoid = CASE WHEN p_avoid[i] IS NULL THEN avoid ELSE avoid || p_avoid[i] END,
            prompt = coalesce(p_prompts[i], prompt), seed = coalesce(p_seeds[i], seed)
        WHERE id = p_jobs[i] RETURNING * INTO j;
        RETURN NEXT ledger_walk(i, j, v_was, v_rejected, p_causes[i], p_now, p_details[i]);
    END LOOP;
END
$$;
