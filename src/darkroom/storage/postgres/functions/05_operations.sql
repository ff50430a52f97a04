-- The dispatch lease, the account's month, and the partitions of finished jobs.

CREATE OR REPLACE FUNCTION dispatch_acquire(p_holder text, p_url text, p_until timestamptz, p_now timestamptz)
RETURNS SETOF leases LANGUAGE plpgsql AS $$
DECLARE
    v leases;
BEGIN
    INSERT INTO leases (name, holder, epoch, url, until) VALUES ('dispatch', '', 0, '', to_timestamp(0))
    ON CONFLICT DO NOTHING;
    SELECT * INTO v FROM leases WHERE name = 'dispatch' FOR UPDATE;
    IF v.holder <> p_holder AND v.holder <> '' AND v.until > p_now THEN
        RETURN NEXT v;
        RETURN;
    END IF;
    RETURN QUERY UPDATE leases
    SET holder = p_holder, url = p_url, until = p_until, epoch = epoch + (v.holder <> p_holder)::integer
    WHERE name = 'dispatch' RETURNING *;
END
$$;

CREATE OR REPLACE FUNCTION account_create(
    p_id uuid, p_name text, p_role text, p_plan text, p_lane text, p_visibility text, p_blocked text,
    p_created timestamptz, p_start timestamptz, p_end timestamptz, p_grant bigint
) RETURNS SETOF accounts LANGUAGE plpgsql AS $$
BEGIN
    IF p_grant > 0 THEN
        INSERT INTO ledger_entries (account_id, kind, amount_gpu_ms, at, note)
        VALUES (p_id, 'grant', p_grant, p_created, 'first grant');
    END IF;
    RETURN QUERY INSERT INTO accounts (
        id, name, role, plan, lane, visibility, blocked_reason, created_at, period_start, period_end, granted_gpu_ms
    )
    VALUES (p_id, p_name, p_role, p_plan, p_lane, p_visibility, p_blocked, p_created, p_start, p_end, p_grant)
    RETURNING *;
EXCEPTION WHEN unique_violation THEN
    RAISE EXCEPTION USING ERRCODE = 'DR010', MESSAGE = 'name_taken', DETAIL = p_name;
END
$$;

CREATE OR REPLACE FUNCTION account_update(
    p_id uuid, p_role text, p_plan text, p_lane text, p_visibility text, p_blocked text
) RETURNS SETOF accounts LANGUAGE plpgsql AS $$
BEGIN
    -- All owners are locked, in order, so that the last two cannot step down at the same moment.
    PERFORM 1 FROM accounts WHERE id = p_id OR (p_role <> 'owner' AND role = 'owner') ORDER BY id FOR NO KEY UPDATE;
    IF p_role <> 'owner' AND EXISTS (SELECT FROM accounts WHERE id = p_id AND role = 'owner')
        AND NOT EXISTS (SELECT FROM accounts WHERE id <> p_id AND role = 'owner') THEN
        RAISE EXCEPTION USING ERRCODE = 'DR011', MESSAGE = 'last_owner', DETAIL = p_id;
    END IF;
    RETURN QUERY UPDATE accounts
    SET role = coalesce(p_role, role), plan = coalesce(p_plan, plan), lane = coalesce(p_lane, lane),
        visibility = coalesce(p_visibility, visibility), blocked_reason = coalesce(p_blocked, blocked_reason)
    WHERE id = p_id RETURNING *;
END
$$;

CREATE OR REPLACE FUNCTION account_grant(p_id uuid, p_amount bigint, p_note text, p_now timestamptz)
RETURNS SETOF accounts LANGUAGE plpgsql AS $$
BEGIN
    RETURN QUERY UPDATE accounts SET granted_gpu_ms = granted_gpu_ms + p_amount WHERE id = p_id RETURNING *;
    IF FOUND THEN
        INSERT INTO ledger_entries (account_id, kind, amount_gpu_ms, at, note)
        VALUES (p_id, 'grant', p_amount, p_now, p_note);
    END IF;
END
$$;

CREATE OR REPLACE FUNCTION account_renew(p_id uuid, p_grant bigint, p_end timestamptz, p_now timestamptz)
RETURNS SETOF accounts LANGUAGE plpgsql AS $$
DECLARE
    a accounts;
    v_left bigint;
    v_over bigint;
BEGIN
    SELECT * INTO a FROM accounts WHERE id = p_id FOR NO KEY UPDATE;
    IF NOT FOUND THEN
        RETURN;
    END IF;
    IF a.period_end > p_now THEN
        RETURN NEXT a;
        RETURN;
    END IF;
    v_left := greatest(a.granted_gpu_ms - a.expired_gpu_ms - a.settled_gpu_ms - a.held_gpu_ms, 0);
    -- What was used on a plan without a limit is no debt: who comes to a smaller plan has its time from the next month on.
    v_over := greatest(a.settled_gpu_ms + a.expired_gpu_ms - a.granted_gpu_ms, 0);
    INSERT INTO ledger_entries (account_id, kind, amount_gpu_ms, at, note)
    VALUES (p_id, 'expire', v_left, p_now, 'end of the month'),
        (p_id, 'grant', v_over, p_now, 'used without a limit'), (p_id, 'grant', p_grant, p_now, 'new month');
    RETURN QUERY UPDATE accounts
    SET expired_gpu_ms = expired_gpu_ms + v_left, granted_gpu_ms = granted_gpu_ms + v_over + p_grant,
        period_start = period_end, period_end = p_end
    WHERE id = p_id RETURNING *;
END
$$;

-- The smallest id of version 7 that can be made at a moment.
CREATE OR REPLACE FUNCTION first_id_at(moment timestamptz) RETURNS uuid LANGUAGE sql IMMUTABLE AS $$
    SELECT (lpad(to_hex(floor(extract(epoch FROM moment) * 1000)::bigint), 12, '0') || repeat('0', 20))::uuid
$$;

-- Makes the partitions of today and of the days ahead; rows of such a day that the default holds move over. How many it made.
CREATE OR REPLACE FUNCTION finished_jobs_prepare(p_now timestamptz, p_days integer) RETURNS integer
LANGUAGE plpgsql AS $$
DECLARE
    v_day timestamptz;
    v_name text;
    v_made integer := 0;
BEGIN
    FOR n IN 0..p_days LOOP
        v_day := date_trunc('day', p_now, 'UTC') + n * interval '24 hours';
        v_name := 'finished_jobs_' || to_char(v_day AT TIME ZONE 'UTC', 'YYYYMMDD');
        CONTINUE WHEN to_regclass(v_name) IS NOT NULL;
        -- Until the partition is there, nobody may put a row of its day into the default. The parent is locked, too, and
        -- first: who waited for the default alone would go on to write there, against its new bounds.
        LOCK TABLE ONLY finished_jobs IN SHARE ROW EXCLUSIVE MODE;
        LOCK TABLE finished_jobs_default IN ACCESS EXCLUSIVE MODE;
        CONTINUE WHEN to_regclass(v_name) IS NOT NULL;
        EXECUTE format('CREATE TABLE %I (LIKE finished_jobs INCLUDING ALL)', v_name);
        EXECUTE format(
            'WITH moved AS (DELETE FROM finished_jobs_default WHERE id >= %L AND id < %L RETURNING *)'
            ' INSERT INTO %I SELECT * FROM moved',
            first_id_at(v_day), first_id_at(v_day + interval '24 hours'), v_name);
        EXECUTE format(
            'ALTER TABLE finished_jobs ATTACH PARTITION %I FOR VALUES FROM (%L) TO (%L)',
            v_name, first_id_at(v_day), first_id_at(v_day + interval '24 hours'));
        v_made := v_made + 1;
    END LOOP;
    RETURN v_made;
END
$$;
