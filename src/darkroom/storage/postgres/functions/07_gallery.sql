-- What the gallery writes. Rows of images are locked by id before anything is read, with all images of their jobs, because
-- a grid follows the images that it shows.

-- Locks images of an account, and refuses where one of them is none: not there, not its own, a grid, or deleted.
CREATE OR REPLACE FUNCTION gallery_lock(p_ids uuid[], p_account uuid) RETURNS void LANGUAGE plpgsql AS $$
DECLARE
    v_missing uuid;
BEGIN
    PERFORM 1 FROM images
    WHERE job_id IN (SELECT own.job_id FROM images own WHERE own.id = ANY (p_ids) AND own.account_id = p_account)
    ORDER BY id FOR NO KEY UPDATE;
    SELECT w.id INTO v_missing FROM unnest(p_ids) WITH ORDINALITY AS w (id, place)
    WHERE NOT EXISTS (
        SELECT FROM images i
        WHERE i.id = w.id AND i.account_id = p_account AND i.index IS NOT NULL AND i.deleted_at IS NULL
    )
    ORDER BY w.place LIMIT 1;
    IF FOUND THEN
        RAISE EXCEPTION USING ERRCODE = 'DR020', MESSAGE = 'no_image', DETAIL = v_missing;
    END IF;
END
$$;

CREATE OR REPLACE FUNCTION gallery_set_visibility(p_id uuid, p_account uuid, p_visibility text)
RETURNS SETOF images LANGUAGE plpgsql AS $$
DECLARE
    v_job uuid;
BEGIN
    PERFORM gallery_lock(ARRAY[p_id], p_account);
    UPDATE images SET visibility = p_visibility WHERE id = p_id RETURNING job_id INTO v_job;
    UPDATE images SET visibility = CASE WHEN EXISTS (
        SELECT FROM images i WHERE i.job_id = v_job AND i.index IS NOT NULL AND i.visibility <> 'public'
    ) THEN 'stealth' ELSE 'public' END
    WHERE job_id = v_job AND index IS NULL;
    RETURN QUERY SELECT * FROM images WHERE id = p_id;
END
$$;

CREATE OR REPLACE FUNCTION gallery_trash(p_ids uuid[], p_account uuid, p_now timestamptz)
RETURNS SETOF images LANGUAGE plpgsql AS $$
BEGIN
    PERFORM gallery_lock(p_ids, p_account);
    RETURN QUERY UPDATE images SET trashed_at = coalesce(trashed_at, p_now) WHERE id = ANY (p_ids) RETURNING *;
END
$$;

CREATE OR REPLACE FUNCTION gallery_restore(p_ids uuid[], p_account uuid) RETURNS SETOF images LANGUAGE plpgsql AS $$
BEGIN
    PERFORM gallery_lock(p_ids, p_account);
    RETURN QUERY UPDATE images SET trashed_at = NULL WHERE id = ANY (p_ids) RETURNING *;
END
$$;

-- Images and the grids that show them become tombstones; their files are noted until nobody needs them.
CREATE OR REPLACE FUNCTION gallery_delete(p_ids uuid[], p_account uuid, p_now timestamptz)
RETURNS SETOF images LANGUAGE plpgsql AS $$
DECLARE
    v_ids uuid[];
BEGIN
    PERFORM pg_advisory_xact_lock_shared(7236419053);  -- functions/08_files.sql
    PERFORM gallery_lock(p_ids, p_account);
    v_ids := p_ids || ARRAY(
        SELECT g.id FROM images g
        WHERE g.index IS NULL AND g.deleted_at IS NULL
            AND g.job_id IN (SELECT i.job_id FROM images i WHERE i.id = ANY (p_ids))
    );
    INSERT INTO leftover_files (digest, noted_at)
    SELECT DISTINCT f ->> 1, p_now FROM images i, json_array_elements(i.files) AS f WHERE i.id = ANY (v_ids)
    ON CONFLICT DO NOTHING;
    DELETE FROM marks WHERE image_id = ANY (v_ids);
    DELETE FROM folder_images WHERE image_id = ANY (v_ids);
    UPDATE images SET files = '[]', scores = '{}', provenance = '{}',
        trashed_at = coalesce(trashed_at, p_now), deleted_at = p_now
    WHERE id = ANY (v_ids);
    RETURN QUERY SELECT * FROM images WHERE id = ANY (p_ids);
END
$$;

-- The marks before and after. An image that is deleted meanwhile has none.
CREATE OR REPLACE FUNCTION gallery_mark(
    p_account uuid, p_image uuid, p_liked boolean, p_favourite boolean, p_hidden boolean, p_rating integer,
    p_now timestamptz
) RETURNS TABLE (was marks, become marks) LANGUAGE plpgsql AS $$
BEGIN
    PERFORM 1 FROM images i WHERE i.id = p_image AND i.index IS NOT NULL AND i.deleted_at IS NULL FOR SHARE;
    IF NOT FOUND THEN
        RAISE EXCEPTION USING ERRCODE = 'DR020', MESSAGE = 'no_image', DETAIL = p_image;
    END IF;
    INSERT INTO marks (account_id, image_id) VALUES (p_account, p_image) ON CONFLICT DO NOTHING;
    SELECT m.* INTO was FROM marks m WHERE m.account_id = p_account AND m.image_id = p_image FOR NO KEY UPDATE;
    UPDATE marks m
    SET liked = coalesce(p_liked, m.liked),
        favourite = coalesce(p_favourite, m.favourite),
        hidden = coalesce(p_hidden, m.hidden),
        rating = CASE WHEN p_rating IS NULL THEN m.rating ELSE nullif(p_rating, 0) END,
        liked_at = CASE WHEN coalesce(p_liked, m.liked) THEN coalesce(m.liked_at, p_now) END
    WHERE m.account_id = p_account AND m.image_id = p_image
    RETURNING m.* INTO become;
    RETURN NEXT;
END
$$;

-- Things of an account are counted under its row lock, so that no two requests pass a limit together.
CREATE OR REPLACE FUNCTION gallery_add_folder(
    p_id uuid, p_account uuid, p_name text, p_key text, p_created timestamptz, p_max integer
) RETURNS SETOF folders LANGUAGE plpgsql AS $$
BEGIN
    PERFORM 1 FROM accounts WHERE id = p_account FOR NO KEY UPDATE;
    IF EXISTS (SELECT FROM folders WHERE account_id = p_account AND name_key = p_key AND id <> p_id) THEN
        RAISE EXCEPTION USING ERRCODE = 'DR022', MESSAGE = 'name_taken', DETAIL = p_name;
    END IF;
    IF (SELECT count(*) FROM folders WHERE account_id = p_account AND id <> p_id) >= p_max THEN
        RAISE EXCEPTION USING ERRCODE = 'DR023', MESSAGE = 'too_many_folders';
    END IF;
    RETURN QUERY INSERT INTO folders (id, account_id, name, name_key, created_at)
    VALUES (p_id, p_account, p_name, p_key, p_created)
    ON CONFLICT (id) DO UPDATE SET name = excluded.name RETURNING *;
END
$$;

CREATE OR REPLACE FUNCTION gallery_rename_folder(p_id uuid, p_account uuid, p_name text, p_key text)
RETURNS SETOF folders LANGUAGE plpgsql AS $$
BEGIN
    RETURN QUERY UPDATE folders SET name = p_name, name_key = p_key
    WHERE id = p_id AND account_id = p_account RETURNING *;
EXCEPTION WHEN unique_violation THEN
    RAISE EXCEPTION USING ERRCODE = 'DR022', MESSAGE = 'name_taken', DETAIL = p_name;
END
$$;

CREATE OR REPLACE FUNCTION gallery_arrange(
    p_folder uuid, p_account uuid, p_add uuid[], p_remove uuid[], p_now timestamptz, p_max integer
) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
    PERFORM 1 FROM folders WHERE id = p_folder AND account_id = p_account FOR NO KEY UPDATE;
    IF NOT FOUND THEN
        RAISE EXCEPTION USING ERRCODE = 'DR021', MESSAGE = 'no_folder', DETAIL = p_folder;
    END IF;
    PERFORM gallery_lock(p_add, p_account);
    INSERT INTO folder_images (folder_id, image_id, added_at)
    SELECT DISTINCT p_folder, id, p_now FROM unnest(p_add) AS id ON CONFLICT DO NOTHING;
    DELETE FROM folder_images WHERE folder_id = p_folder AND image_id = ANY (p_remove);
    IF (SELECT count(*) FROM folder_images WHERE folder_id = p_folder) > p_max THEN
        RAISE EXCEPTION USING ERRCODE = 'DR024', MESSAGE = 'folder_full';
    END IF;
END
$$;

CREATE OR REPLACE FUNCTION gallery_add_search(
    p_id uuid, p_account uuid, p_name text, p_query text, p_created timestamptz, p_max integer
) RETURNS SETOF searches LANGUAGE plpgsql AS $$
BEGIN
    PERFORM 1 FROM accounts WHERE id = p_account FOR NO KEY UPDATE;
    IF (SELECT count(*) FROM searches WHERE account_id = p_account AND id <> p_id) >= p_max THEN
        RAISE EXCEPTION USING ERRCODE = 'DR025', MESSAGE = 'too_many_searches';
    END IF;
    RETURN QUERY INSERT INTO searches (id, account_id, name, query, created_at)
    VALUES (p_id, p_account, p_name, p_query, p_created)
    ON CONFLICT (id) DO UPDATE SET name = excluded.name RETURNING *;
END
$$;

-- A page of public images: those that anybody liked in the window, then all others, newest first. How many were liked is
-- what the plan turns on, so that it is made anew each time.
CREATE OR REPLACE FUNCTION gallery_top(
    p_viewer uuid, p_limit integer, p_after uuid, p_since timestamptz, p_now timestamptz, p_likes integer, p_text text
) RETURNS TABLE (id uuid, likes bigint) LANGUAGE plpgsql STABLE ROWS 50
SET plan_cache_mode = force_custom_plan AS $$
#variable_conflict use_column
BEGIN
    RETURN QUERY
    WITH liked AS MATERIALIZED (
        SELECT m.image_id, count(*) AS likes FROM marks m
        WHERE m.liked AND m.liked_at > p_since AND m.liked_at <= p_now GROUP BY m.image_id
    ), found AS (
        (
            SELECT p.id, l.likes FROM liked l JOIN images p ON p.id = l.image_id
            WHERE p.visibility = 'public' AND p.index IS NOT NULL AND p.trashed_at IS NULL AND NOT p.replay
                AND NOT EXISTS (SELECT FROM marks h WHERE h.account_id = p_viewer AND h.image_id = p.id AND h.hidden)
                AND (p_after IS NULL OR (l.likes, p.id) < (p_likes, p_after))
                AND (p_text = '' OR p.job_id IN (
                    SELECT w.id FROM finished_jobs w
                    WHERE to_tsvector('simple', w.words) @@ plainto_tsquery('simple', p_text)
                ))
            ORDER BY l.likes DESC, p.id DESC LIMIT p_limit
        )
        UNION ALL
        (
            SELECT p.id, 0 FROM images p
            WHERE p.visibility = 'public' AND p.index IS NOT NULL AND p.trashed_at IS NULL AND NOT p.replay
                AND NOT EXISTS (SELECT FROM marks h WHERE h.account_id = p_viewer AND h.image_id = p.id AND h.hidden)
                AND NOT EXISTS (
                    SELECT FROM marks m
                    WHERE m.image_id = p.id AND m.liked AND m.liked_at > p_since AND m.liked_at <= p_now
                )
                AND (p_after IS NULL OR p_likes > 0 OR p.id < p_after)
                AND (p_text = '' OR p.job_id IN (
                    SELECT w.id FROM finished_jobs w
                    WHERE to_tsvector('simple', w.words) @@ plainto_tsquery('simple', p_text)
                ))
            ORDER BY p.id DESC LIMIT p_limit
        )
    )
    SELECT f.id, f.likes FROM found f ORDER BY f.likes DESC, f.id DESC LIMIT p_limit;
END
$$;
