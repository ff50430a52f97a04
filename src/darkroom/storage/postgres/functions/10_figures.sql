-- What operators read off the jobs. Planned anew for each question: a plan for any stretch of time would read all days.

DROP FUNCTION IF EXISTS lane_queues(timestamptz);
CREATE FUNCTION lane_queues(p_since timestamptz) RETURNS TABLE (
    lane text, waiting bigint, ready bigint, running bigint, finishing bigint, oldest_ready_at timestamptz,
    started bigint, wait_p50_s double precision, wait_p95_s double precision
) LANGUAGE plpgsql STABLE SET enable_seqscan = off SET plan_cache_mode = force_custom_plan AS $$
BEGIN
    RETURN QUERY
    WITH began AS (
        SELECT j.lane, j.started_at - j.ready_at AS wait, j.attempt <= 1 AND j.rejections = 0 AS at_first
        FROM jobs j WHERE j.started_at >= p_since
        UNION ALL
        SELECT f.lane, f.started_at - f.ready_at, f.attempt <= 1 AND f.rejections = 0
        FROM finished_jobs f
        WHERE f.finished_at >= p_since AND f.started_at >= p_since AND f.id >= first_id_at(p_since - interval '30 days')
    ), waits AS (
        SELECT b.lane, count(*) AS started,
            percentile_cont(ARRAY[0.5, 0.95]) WITHIN GROUP (ORDER BY extract(epoch FROM b.wait)::double precision)
                FILTER (WHERE b.at_first) AS percentiles
        FROM began b GROUP BY b.lane
    ), living AS (
        SELECT j.lane, count(*) FILTER (WHERE state = 'waiting') AS waiting,
            count(*) FILTER (WHERE state = 'ready') AS ready, count(*) FILTER (WHERE state = 'running') AS running,
            count(*) FILTER (WHERE state = 'finishing') AS finishing,
            min(ready_at) FILTER (WHERE state = 'ready') AS oldest_ready_at
        FROM jobs j GROUP BY j.lane
    )
    SELECT lanes.lane, coalesce(l.waiting, 0), coalesce(l.ready, 0), coalesce(l.running, 0), coalesce(l.finishing, 0),
        l.oldest_ready_at, coalesce(w.started, 0), w.percentiles[1], w.percentiles[2]
    FROM (VALUES ('turbo'), ('fast'), ('relax')) AS lanes (lane)
    LEFT JOIN living l ON l.lane = lanes.lane LEFT JOIN waits w ON w.lane = lanes.lane
    ORDER BY ledger_lane_rank(lanes.lane);
END
$$;

DROP FUNCTION IF EXISTS jobs_ended(timestamptz, interval, timestamptz);
CREATE FUNCTION jobs_ended(p_since timestamptz, p_stretch interval, p_born_since timestamptz) RETURNS TABLE (
    at timestamptz, lane text, state text, jobs bigint, images bigint, gpu_ms bigint
) LANGUAGE plpgsql STABLE SET enable_seqscan = off SET plan_cache_mode = force_custom_plan AS $$
BEGIN
    RETURN QUERY
    SELECT date_bin(p_stretch, f.finished_at, p_since), f.lane, f.state, count(*), sum(f.images),
        coalesce(sum(f.measured_gpu_ms), 0)::bigint
    FROM finished_jobs f WHERE f.finished_at >= p_since AND f.id >= first_id_at(p_born_since)
    GROUP BY 1, 2, 3;
END
$$;
