-- How jobs end: finished with pictures, ended without, cancelled; and how a dead one comes back.

CREATE OR REPLACE FUNCTION ledger_finish(
    p_jobs uuid[], p_fences bigint[], p_measured bigint[], p_notes text[], p_now timestamptz[],
    p_image_items integer[], p_image_ids uuid[], p_indexes integer[], p_files text[], p_scores text[],
    p_policies text[], p_provenances text[]
) RETURNS SETOF ledger_change LANGUAGE plpgsql
SET enable_seqscan = off SET plan_cache_mode = force_generic_plan AS $$
DECLARE
    v_was text;
    v_hand_on boolean;
    v_owners uuid[] := array_fill(NULL::uuid, ARRAY[cardinality(p_jobs)]);
    v_visibilities text[] := array_fill(NULL::text, ARRAY[cardinality(p_jobs)]);
    v_replays boolean[] := array_fill(false, ARRAY[cardinality(p_jobs)]);
    j jobs;
BEGIN
    PERFORM ledger_lock_accounts(p_jobs);
    FOR i IN 1..cardinality(p_jobs) LOOP
        SELECT * INTO j FROM jobs
        WHERE id = p_jobs[i] AND fence = p_fences[i] AND state IN ('running', 'finishing');
        IF NOT FOUND THEN
            RETURN NEXT ledger_unchanged(i, p_jobs[i], 'completed', p_fences[i]);
            CONTINUE;
        END IF;
        v_owners[i] := j.account_id;
        v_visibilities[i] := j.visibility;
        v_was := j.state;
        j.state := 'completed';
        j.worker_id := NULL;
        j.finished_at := p_now[i];
        j.measured_gpu_ms := p_measured[i];
        j.charged_gpu_ms := least(j.hold_gpu_ms, p_measured[i] * j.price_percent / 100);
        IF p_notes[i] <> '[]' THEN
            j.notes := j.notes || ARRAY(SELECT json_array_elements_text(p_notes[i]::json));
        END IF;
        v_hand_on := ledger_close(j, v_was, j.charged_gpu_ms);
        IF j.recipe IS NOT NULL THEN
            v_replays[i] := j.recipe::json ->> 'replay_of' IS NOT NULL;
            UPDATE lineage_edges SET drawn = true WHERE job_id = j.id;
        END IF;
        RETURN NEXT ledger_walk(i, j, v_was, true, 'published', j.finished_at, '');
        IF v_hand_on THEN
            RETURN QUERY SELECT * FROM ledger_promote(i, j.account_id, j.finished_at);
        END IF;
    END LOOP;
    INSERT INTO images (id, job_id, account_id, index, files, scores, policy, provenance, created_at, visibility, replay)
    SELECT p_image_ids[n], p_jobs[p_image_items[n]], v_owners[p_image_items[n]], p_indexes[n], p_files[n]::json,
        p_scores[n]::json, p_policies[n], p_provenances[n], p_now[p_image_items[n]],
        v_visibilities[p_image_items[n]], v_replays[p_image_items[n]]
    FROM generate_series(1, cardinality(p_image_ids)) AS n
    WHERE v_owners[p_image_items[n]] IS NOT NULL;
END
$$;

CREATE OR REPLACE FUNCTION ledger_end(
    p_jobs uuid[], p_fences bigint[], p_states text[], p_causes text[], p_codes text[], p_messages text[],
    p_measured bigint[], p_devices text[], p_fingerprints text[], p_now timestamptz
) RETURNS SETOF ledger_change LANGUAGE plpgsql
SET enable_seqscan = off SET plan_cache_mode = force_generic_plan AS $$
DECLARE
    v_was text;
    v_charge bigint;
    v_hand_on boolean;
    j jobs;
BEGIN
    PERFORM ledger_lock_accounts(p_jobs);
    FOR i IN 1..cardinality(p_jobs) LOOP
        SELECT * INTO j FROM jobs
        WHERE id = p_jobs[i] AND fence IS NOT DISTINCT FROM p_fences[i]
            AND (state IN ('running', 'finishing') OR p_states[i] = 'cancelled');
        IF NOT FOUND THEN
            RETURN NEXT ledger_unchanged(i, p_jobs[i], p_states[i], NULL);
            CONTINUE;
        END IF;
        v_was := j.state;
        v_charge := NULL;
        IF p_states[i] = 'cancelled' AND v_was IN ('running', 'finishing') THEN
            v_charge := least(j.hold_gpu_ms, p_measured[i] * j.price_percent / 100);
        END IF;
        j.state := p_states[i];
        j.worker_id := NULL;
        j.finished_at := p_now;
        j.measured_gpu_ms := p_measured[i];
        j.charged_gpu_ms := coalesce(v_charge, 0);
        j.error_code := p_codes[i];
        j.error_message := p_messages[i];
        v_hand_on := ledger_close(j, v_was, v_charge);
        RETURN NEXT ledger_walk(i, j, v_was, p_states[i] = 'rejected', p_causes[i], p_now, '');
        IF p_states[i] = 'failed' THEN
            INSERT INTO dead_letters (
                job_id, account_id, prompt, model, seed, error_message, device, fingerprint, attempts, avoided, at
            )
            VALUES (
                j.id, j.account_id, j.prompt, j.model, j.seed, j.error_message, p_devices[i], p_fingerprints[i],
                j.attempt, j.avoid, p_now
            );
        END IF;
        IF v_hand_on THEN
            RETURN QUERY SELECT * FROM ledger_promote(i, j.account_id, p_now);
        END IF;
    END LOOP;
END
$$;

CREATE OR REPLACE FUNCTION ledger_request_cancel(p_job uuid, p_account uuid, p_cause text, p_now timestamptz)
RETURNS SETOF ledger_change LANGUAGE plpgsql
SET enable_seqscan = off SET plan_cache_mode = force_generic_plan AS $$
DECLARE
    v_was text;
    v_hand_on boolean;
    j jobs;
    c ledger_change;
BEGIN
    PERFORM ledger_lock_accounts(ARRAY[p_job]);
    SELECT * INTO j FROM jobs WHERE id = p_job;
    IF NOT FOUND THEN
        SELECT * INTO j FROM finished_jobs WHERE id = p_job;
    END IF;
    IF j.id IS NULL OR j.account_id <> p_account THEN
        RAISE EXCEPTION USING ERRCODE = 'DR007', MESSAGE = 'no_job', DETAIL = p_job;
    END IF;
    IF j.state IN ('waiting', 'ready') THEN
        v_was := j.state;
        j.state := 'cancelled';
        j.finished_at := p_now;
        j.charged_gpu_ms := 0;
        j.cancel_requested := true;
        v_hand_on := ledger_close(j, v_was, NULL);
        RETURN NEXT ledger_walk(1, j, v_was, false, p_cause, p_now, '');
        IF v_hand_on THEN
            RETURN QUERY SELECT * FROM ledger_promote(1, j.account_id, p_now);
        END IF;
        RETURN;
    END IF;
    IF j.state IN ('running', 'finishing') AND NOT j.cancel_requested THEN
        UPDATE jobs SET cancel_requested = true WHERE id = p_job RETURNING * INTO j;
    END IF;
    c.item := 1;
    c.promoted := false;
    c.job := j;
    RETURN NEXT c;
END
$$;

CREATE OR REPLACE FUNCTION ledger_resubmit(p_letter uuid, p_id uuid, p_now timestamptz)
RETURNS SETOF ledger_change LANGUAGE plpgsql
SET enable_seqscan = off SET plan_cache_mode = force_generic_plan AS $$
DECLARE
    d dead_letters;
    j jobs;
    c ledger_change;
BEGIN
    PERFORM 1 FROM accounts
    WHERE id = (SELECT account_id FROM dead_letters WHERE job_id = p_letter) FOR NO KEY UPDATE;
    SELECT * INTO d FROM dead_letters WHERE job_id = p_letter FOR NO KEY UPDATE;
    IF NOT FOUND THEN
        RAISE EXCEPTION USING ERRCODE = 'DR008', MESSAGE = 'no_dead_letter', DETAIL = p_letter;
    END IF;
    IF d.resolution <> '' AND d.successor_id IS DISTINCT FROM p_id THEN
        RAISE EXCEPTION USING ERRCODE = 'DR009', MESSAGE = 'already_resolved', DETAIL = format('%s/%s', p_letter, d.resolution);
    END IF;
    IF d.successor_id = p_id THEN  -- the very same call again
        RETURN NEXT ledger_unchanged(1, p_id, NULL, NULL);
        RETURN;
    END IF;
    PERFORM lineage_check(ARRAY[recipe]) FROM finished_jobs WHERE id = p_letter AND recipe IS NOT NULL;
    UPDATE dead_letters SET resolution = 'requeued', resolved_at = p_now, successor_id = p_id WHERE job_id = p_letter;
    INSERT INTO jobs (
        id, account_id, batch_id, state, lane, visibility, source, prompt, words, model, seed, images, hold_gpu_ms,
        price_percent, weight, attempt, rejections, avoid, cancel_requested, created_at, ready_at, notes, recipe
    )
    SELECT p_id, account_id, batch_id, 'ready', lane, visibility, source, prompt, words, model, seed, images, 0, 0,
        weight, 0, 0, '{}', false, p_now, p_now, notes, recipe
    FROM finished_jobs WHERE id = p_letter RETURNING * INTO STRICT j;
    INSERT INTO lineage_edges (job_id, position, parent_id, parent_kind, parent_group, role, weight)
    SELECT p_id, position, parent_id, parent_kind, parent_group, role, weight FROM lineage_edges WHERE job_id = p_letter;
    UPDATE accounts SET running = running + 1 WHERE id = j.account_id;
    INSERT INTO ledger_entries (account_id, job_id, kind, amount_gpu_ms, at) VALUES (j.account_id, p_id, 'hold', 0, p_now);
    RETURN NEXT ledger_walk(1, j, NULL, false, 'submitted', p_now, '');
END
$$;
