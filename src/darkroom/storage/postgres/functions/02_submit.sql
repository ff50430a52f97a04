-- One submission: all of its jobs held and enqueued, or none. Refusals are raised as DR0xx (storage/postgres/refusals.py).

CREATE OR REPLACE FUNCTION ledger_submit(
    p_account uuid, p_batch uuid, p_source text, p_running_cap integer, p_waiting_cap integer, p_unlimited boolean,
    p_key text, p_digest text, p_now timestamptz,
    p_ids uuid[], p_prompts text[], p_words text[], p_models text[], p_seeds bigint[], p_lanes text[],
    p_visibilities text[], p_holds bigint[], p_percents integer[], p_weights integer[], p_images integer[],
    p_verdicts text[], p_recipes text[], p_notes text[]
) RETURNS TABLE (replay uuid[], slots integer, moved_ids bigint[]) LANGUAGE plpgsql
SET enable_seqscan = off SET plan_cache_mode = force_generic_plan AS $$
#variable_conflict use_column
DECLARE
    a accounts;
    v_count integer := cardinality(p_ids);
    v_slots integer;
    v_total bigint := 0;
    v_hold bigint;
    v_digest text;
    v_replay uuid[];
    v_moved bigint[];
BEGIN
    SELECT * INTO a FROM accounts WHERE id = p_account FOR NO KEY UPDATE;
    IF NOT FOUND THEN
        RAISE EXCEPTION USING ERRCODE = 'DR001', MESSAGE = 'no_account', DETAIL = p_account;
    END IF;
    IF p_key IS NOT NULL THEN
        INSERT INTO idempotency_keys (account_id, key, body_digest, job_ids, at)
        VALUES (p_account, p_key, p_digest, p_ids, p_now) ON CONFLICT DO NOTHING;
        IF NOT FOUND THEN
            SELECT body_digest, job_ids INTO v_digest, v_replay FROM idempotency_keys
            WHERE account_id = p_account AND key = p_key;
            IF v_digest <> p_digest THEN
                RAISE EXCEPTION USING ERRCODE = 'DR002', MESSAGE = 'idempotency_conflict', DETAIL = p_key;
            END IF;
            RETURN QUERY SELECT v_replay, 0, NULL::bigint[];
            RETURN;
        END IF;
    END IF;
    IF EXISTS (SELECT FROM ledger_entries WHERE job_id = p_ids[1] AND kind = 'hold') THEN
        RETURN QUERY SELECT p_ids, 0, NULL::bigint[];
        RETURN;
    END IF;
    IF a.blocked_reason <> '' THEN
        RAISE EXCEPTION USING ERRCODE = 'DR003', MESSAGE = 'account_blocked', DETAIL = a.blocked_reason;
    END IF;
    FOREACH v_hold IN ARRAY p_holds LOOP
        v_total := v_total + v_hold;
    END LOOP;
    v_slots := least(v_count, greatest(p_running_cap - a.running, 0));
    IF v_count > v_slots AND a.waiting + v_count - v_slots > p_waiting_cap THEN
        RAISE EXCEPTION USING ERRCODE = 'DR004', MESSAGE = 'queue_full',
            DETAIL = format('%s/%s/%s', a.waiting, a.waiting + v_count - v_slots, p_waiting_cap);
    END IF;
    IF NOT p_unlimited AND v_total >
        greatest(a.granted_gpu_ms - a.expired_gpu_ms - a.settled_gpu_ms - a.held_gpu_ms, 0) THEN
        RAISE EXCEPTION USING ERRCODE = 'DR005', MESSAGE = 'fast_time_exhausted', DETAIL = format(
            '%s/%s/%s', v_total, greatest(a.granted_gpu_ms - a.expired_gpu_ms - a.settled_gpu_ms - a.held_gpu_ms, 0),
            greatest(1, ceil(extract(epoch FROM a.period_end - p_now)))::bigint);
    END IF;

    IF p_recipes IS NOT NULL THEN
        PERFORM lineage_check(p_recipes);
    END IF;
    UPDATE accounts
    SET running = running + v_slots, waiting = waiting + v_count - v_slots,
        running_cap = p_running_cap, held_gpu_ms = held_gpu_ms + v_total
    WHERE id = p_account;
    INSERT INTO jobs (
        id, account_id, batch_id, state, lane, visibility, source, prompt, words, model, seed, images, hold_gpu_ms,
        price_percent, weight, attempt, rejections, avoid, cancel_requested, created_at, ready_at, notes, recipe
    )
    SELECT p_ids[n], p_account, p_batch, CASE WHEN n <= v_slots THEN 'ready' ELSE 'waiting' END, p_lanes[n],
        p_visibilities[n], p_source, p_prompts[n], p_words[n], p_models[n], p_seeds[n], p_images[n], p_holds[n],
        p_percents[n], p_weights[n], 0, 0, '{}', false, p_now, CASE WHEN n <= v_slots THEN p_now END,
        CASE WHEN p_notes IS NULL THEN '{}' ELSE ARRAY(SELECT json_array_elements_text(p_notes[n]::json)) END, p_recipes[n]
    FROM generate_series(1, v_count) AS n;
    IF v_slots < v_count THEN
        INSERT INTO waiting_jobs (account_id, rank, job_id)
        SELECT p_account, ledger_lane_rank(p_lanes[n]), p_ids[n] FROM generate_series(v_slots + 1, v_count) AS n;
    END IF;
    INSERT INTO ledger_entries (account_id, job_id, kind, amount_gpu_ms, at)
    SELECT p_account, p_ids[n], 'hold', p_holds[n], p_now FROM generate_series(1, v_count) AS n;
    WITH born AS (
        INSERT INTO job_history (account_id, job_id, batch_id, state, cause, at)
        SELECT p_account, p_ids[n], p_batch, CASE WHEN n <= v_slots THEN 'ready' ELSE 'waiting' END, 'submitted', p_now
        FROM generate_series(1, v_count) AS n RETURNING id
    )
    SELECT array_agg(id ORDER BY id) INTO v_moved FROM born;
    IF p_recipes IS NOT NULL THEN
        PERFORM lineage_write(p_ids, p_recipes);
    END IF;
    IF p_verdicts IS NOT NULL THEN
        INSERT INTO moderation_log
            (account_id, job_id, subject, text, decision, policy, category, matched, scores, at)
        SELECT p_account, p_ids[n], 'prompt', p_prompts[n], v.verdict->>'decision', v.verdict->>'policy',
            v.verdict->>'category', v.verdict->>'matched', v.verdict->'scores', p_now
        FROM generate_series(1, v_count) AS n, LATERAL (SELECT p_verdicts[n]::json AS verdict) AS v
        WHERE p_verdicts[n] IS NOT NULL;
    END IF;
    RETURN QUERY SELECT NULL::uuid[], v_slots, v_moved;
END
$$;
