-- name: living
SELECT count(*) AS n FROM jobs

-- name: ended
-- Every job, with how often it was published, held, released and settled.
SELECT f.id::text AS id, f.state,
    (SELECT count(*) FROM job_history h WHERE h.job_id = f.id AND h.cause = 'published') AS published,
    (SELECT count(*) FROM ledger_entries e WHERE e.job_id = f.id AND e.kind = 'hold') AS held,
    (SELECT count(*) FROM ledger_entries e WHERE e.job_id = f.id AND e.kind = 'release') AS released,
    (SELECT count(*) FROM ledger_entries e WHERE e.job_id = f.id AND e.kind = 'settle') AS settled
FROM finished_jobs f

-- name: unbalanced
-- Accounts whose sums are not those of their entries, or who hold anything although nothing of theirs lives.
SELECT a.name FROM accounts a LEFT JOIN LATERAL (
    SELECT coalesce(sum(amount_gpu_ms) FILTER (WHERE kind = 'grant'), 0) AS granted,
        coalesce(sum(amount_gpu_ms) FILTER (WHERE kind = 'expire'), 0) AS expired,
        coalesce(sum(amount_gpu_ms) FILTER (WHERE kind = 'settle'), 0) AS settled,
        coalesce(sum(amount_gpu_ms) FILTER (WHERE kind = 'hold'), 0)
            - coalesce(sum(amount_gpu_ms) FILTER (WHERE kind = 'release'), 0) AS held
    FROM ledger_entries e WHERE e.account_id = a.id
) s ON true
WHERE (a.granted_gpu_ms, a.expired_gpu_ms, a.settled_gpu_ms, a.held_gpu_ms)
        IS DISTINCT FROM (s.granted, s.expired, s.settled, s.held)
    OR a.held_gpu_ms <> 0 OR a.running <> 0 OR a.waiting <> 0

-- name: deepest
-- The most slots and the most waiting places that any account ever held, by walking its history.
WITH steps AS (
    SELECT account_id, id,
        (state IN ('ready', 'running', 'finishing'))::integer
            - (coalesce(was, '') IN ('ready', 'running', 'finishing'))::integer AS slots,
        (state = 'waiting')::integer - (coalesce(was, '') = 'waiting')::integer AS places
    FROM job_history
), levels AS (
    SELECT sum(slots) OVER w AS slots, sum(places) OVER w AS places
    FROM steps WINDOW w AS (PARTITION BY account_id ORDER BY id)
)
SELECT coalesce(max(slots), 0) AS slots, coalesce(max(places), 0) AS places FROM levels

-- name: claims
-- Seconds from ready to claimed, and from submitted to published, by the clock of the service, of jobs submitted in a stretch.
SELECT extract(epoch FROM c.at - r.at)::float8 AS queued_s, extract(epoch FROM p.at - b.at)::float8 AS life_s
FROM job_history b
JOIN job_history r ON r.job_id = b.job_id AND r.state = 'ready'
JOIN job_history c ON c.job_id = b.job_id AND c.cause = 'claimed'
JOIN job_history p ON p.job_id = b.job_id AND p.cause = 'published'
WHERE b.cause = 'submitted' AND b.at >= $1 AND b.at < $2
