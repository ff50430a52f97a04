-- Appeals against verdicts: one for each, so many open ones of an account. Its row lock makes two at once wait for each other.

CREATE OR REPLACE FUNCTION appeal_add(
    p_id uuid, p_verdict bigint, p_account uuid, p_reason text, p_at timestamptz, p_open_max integer
) RETURNS SETOF appeals LANGUAGE plpgsql AS $$
BEGIN
    PERFORM 1 FROM accounts WHERE id = p_account FOR NO KEY UPDATE;
    IF NOT EXISTS (
        SELECT FROM moderation_log WHERE id = p_verdict AND account_id = p_account AND decision = 'block'
    ) THEN
        RAISE EXCEPTION USING ERRCODE = 'DR030', MESSAGE = 'no_verdict', DETAIL = p_verdict;
    END IF;
    IF EXISTS (SELECT FROM appeals WHERE verdict_id = p_verdict) THEN
        RAISE EXCEPTION USING ERRCODE = 'DR031', MESSAGE = 'already_appealed', DETAIL = p_verdict;
    END IF;
    IF (SELECT count(*) FROM appeals WHERE account_id = p_account AND state = 'open') >= p_open_max THEN
        RAISE EXCEPTION USING ERRCODE = 'DR032', MESSAGE = 'too_many_appeals', DETAIL = p_open_max;
    END IF;
    RETURN QUERY INSERT INTO appeals (id, verdict_id, account_id, reason, at)
    VALUES (p_id, p_verdict, p_account, p_reason, p_at) RETURNING *;
END
$$;
