-- Which files go, and when. Everything here is serialised by one advisory lock: who lets go of files or is about to keep some
-- shares it, who decides which are deleted has it alone. No lock is held while files are deleted: they are taken for a while.

-- Whether files may be put that a row will keep soon; false while one of them is being deleted.
CREATE OR REPLACE FUNCTION files_hold(p_id uuid, p_digests text[], p_now timestamptz, p_until timestamptz)
RETURNS boolean LANGUAGE plpgsql AS $$
BEGIN
    PERFORM pg_advisory_xact_lock_shared(7236419053);
    IF EXISTS (SELECT FROM leftover_files WHERE digest = ANY (p_digests) AND taken_until > p_now) THEN
        RETURN false;
    END IF;
    INSERT INTO file_holds (id, digests, until) VALUES (p_id, p_digests, p_until) ON CONFLICT DO NOTHING;
    RETURN true;
END
$$;

-- Takes the oldest files that nobody needs. What an image or an upload keeps is forgotten: it is noted anew when that goes.
-- What a job or a hold needs goes to the end of the line.
CREATE OR REPLACE FUNCTION files_take(p_limit integer, p_now timestamptz, p_until timestamptz)
RETURNS SETOF text LANGUAGE plpgsql AS $$
DECLARE
    v_noted text[];
    v_unkept text[];
BEGIN
    PERFORM pg_advisory_xact_lock(7236419053);
    WITH over AS (DELETE FROM file_holds WHERE until <= p_now RETURNING digests)
    INSERT INTO leftover_files (digest, noted_at) SELECT DISTINCT d, p_now FROM over, unnest(digests) AS d
    ON CONFLICT DO NOTHING;
    v_noted := ARRAY(
        SELECT digest FROM leftover_files WHERE taken_until IS NULL OR taken_until <= p_now
        ORDER BY noted_at, digest LIMIT p_limit
    );
    IF cardinality(v_noted) = 0 THEN
        RETURN;
    END IF;
    v_unkept := digests_unkept(v_noted);
    UPDATE leftover_files SET taken_until = p_until WHERE digest = ANY (v_unkept);
    DELETE FROM leftover_files l WHERE l.digest = ANY (v_noted) AND l.digest <> ALL (v_unkept) AND (
        EXISTS (SELECT FROM uploads u WHERE u.digest = l.digest AND u.deleted_at IS NULL)
        OR EXISTS (
            SELECT FROM images i, json_array_elements(i.files) AS f
            WHERE files_marks(i.files) @> ARRAY[digest_mark(l.digest)] AND f ->> 1 = l.digest
        )
    );
    UPDATE leftover_files SET noted_at = p_now WHERE digest = ANY (v_noted) AND digest <> ALL (v_unkept);
    RETURN QUERY SELECT unnest(v_unkept);
END
$$;
