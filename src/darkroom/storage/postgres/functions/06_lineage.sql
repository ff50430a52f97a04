-- The edges that a job's recipe makes, and which files somebody still needs.

-- The edges of some new jobs, from their recipes (core.recipes.Recipe.as_object).
CREATE OR REPLACE FUNCTION lineage_write(p_jobs uuid[], p_recipes text[]) RETURNS void LANGUAGE sql AS $$
    INSERT INTO lineage_edges (job_id, position, parent_id, parent_kind, parent_group, role, weight)
    SELECT e.job_id, e.place - 1, e.parent_id, e.kind, coalesce(own.job_id, e.parent_id), e.role, coalesce(e.weight, 1.0)
    FROM (
        SELECT r.job_id, p.place, (p.input ->> 'parent_id')::uuid AS parent_id, p.input ->> 'kind' AS kind,
            p.input ->> 'role' AS role, (p.input ->> 'weight')::double precision AS weight
        FROM unnest(p_jobs, p_recipes) AS r (job_id, recipe),
            json_array_elements(r.recipe::json -> 'inputs') WITH ORDINALITY AS p (input, place)
    ) AS e
    LEFT JOIN images i ON i.id = e.parent_id
    LEFT JOIN lineage_edges own ON own.job_id = i.job_id AND own.position = 0
$$;

-- Refuses where a picture that new jobs need was deleted, maybe while the request was on its way; from here on its file waits for them.
CREATE OR REPLACE FUNCTION lineage_check(p_recipes text[]) RETURNS void LANGUAGE plpgsql
SET enable_seqscan = off SET plan_cache_mode = force_generic_plan AS $$
DECLARE
    v_needed uuid[];
    v_gone uuid;
BEGIN
    v_needed := ARRAY(
        SELECT DISTINCT (p.input ->> 'parent_id')::uuid
        FROM unnest(p_recipes) AS recipe, json_array_elements(recipe::json -> 'inputs') AS p (input)
        WHERE p.input ->> 'digest' IS NOT NULL
    );
    PERFORM 1 FROM images WHERE id = ANY (v_needed) ORDER BY id FOR SHARE;
    PERFORM 1 FROM uploads WHERE id = ANY (v_needed) ORDER BY id FOR SHARE;
    SELECT n.id INTO v_gone FROM unnest(v_needed) AS n (id)
    WHERE EXISTS (SELECT FROM images i WHERE i.id = n.id AND i.deleted_at IS NOT NULL)
        OR EXISTS (SELECT FROM uploads u WHERE u.id = n.id AND u.deleted_at IS NOT NULL) LIMIT 1;
    IF FOUND THEN
        RAISE EXCEPTION USING ERRCODE = 'DR012', MESSAGE = 'inputs_gone', DETAIL = v_gone;
    END IF;
END
$$;

-- Which of these files nothing keeps: no upload and no image that is not deleted, no job that has not ended, no hold. One transaction
-- at a time asks, so that of two that let go of the same file the second one is told; call it after what lets go was written.
CREATE OR REPLACE FUNCTION digests_unkept(p_digests text[]) RETURNS text[] LANGUAGE plpgsql
SET enable_seqscan = off SET plan_cache_mode = force_generic_plan AS $$
DECLARE
    v_needed text[];
    v_unkept text[];
BEGIN
    PERFORM pg_advisory_xact_lock(7236419053);
    SELECT coalesce(array_agg(DISTINCT p.input ->> 'digest'), '{}') INTO v_needed
    FROM jobs j, json_array_elements(j.recipe::json -> 'inputs') AS p (input)
    WHERE j.recipe IS NOT NULL AND p.input ->> 'digest' = ANY (p_digests);
    -- Before the rows are looked at: what is held no more then has its row.
    v_needed := v_needed || ARRAY(
        SELECT DISTINCT held FROM file_holds, unnest(digests) AS held WHERE held = ANY (p_digests)
    );
    SELECT coalesce(array_agg(DISTINCT d.digest ORDER BY d.digest), '{}') INTO v_unkept
    FROM unnest(p_digests) AS d (digest)
    WHERE d.digest <> ALL (v_needed)
        AND NOT EXISTS (SELECT FROM uploads u WHERE u.digest = d.digest AND u.deleted_at IS NULL)
        AND NOT EXISTS (
            SELECT FROM images i, json_array_elements(i.files) AS f
            WHERE files_marks(i.files) @> ARRAY[digest_mark(d.digest)] AND f ->> 1 = d.digest
        );
    RETURN v_unkept;
END
$$;

-- An upload becomes a tombstone; whether nothing else keeps its file, which is noted until it is gone. No row where it is not the account's.
CREATE OR REPLACE FUNCTION upload_delete(p_id uuid, p_account uuid, p_now timestamptz)
RETURNS TABLE (upload uploads, unkept boolean) LANGUAGE plpgsql AS $$
DECLARE
    u uploads;
BEGIN
    PERFORM pg_advisory_xact_lock(7236419053);  -- functions/08_files.sql
    UPDATE uploads SET deleted_at = coalesce(deleted_at, p_now) WHERE id = p_id AND account_id = p_account RETURNING * INTO u;
    IF FOUND THEN
        INSERT INTO leftover_files (digest, noted_at) VALUES (u.digest, p_now) ON CONFLICT DO NOTHING;
        RETURN QUERY SELECT u, digests_unkept(ARRAY[u.digest]) <> '{}';
    END IF;
END
$$;

-- The walks. Each goes from group to group (lineage_edges.parent_group), breadth first, meets each group once, and stops after
-- p_groups_max of them. Nested loops over the indexes are right for every graph, and no statistics can talk the planner out
-- of them.

-- A page of what an image was made from, newest first.
CREATE OR REPLACE FUNCTION lineage_ancestors(p_image uuid, p_after uuid, p_limit integer, p_groups_max integer)
RETURNS SETOF uuid LANGUAGE sql STABLE
SET enable_seqscan = off SET enable_hashjoin = off SET enable_mergejoin = off SET plan_cache_mode = force_generic_plan AS $$
    WITH RECURSIVE walk (id, grp) AS (
        SELECT e.parent_id, e.parent_group
        FROM images i JOIN lineage_edges e ON e.job_id = i.job_id WHERE i.id = p_image
        UNION
        SELECT e.parent_id, e.parent_group FROM walk w JOIN lineage_edges e ON e.job_id = w.grp
    )
    SELECT id FROM (SELECT id FROM walk LIMIT p_groups_max) AS w
    WHERE p_after IS NULL OR id < p_after ORDER BY id DESC LIMIT p_limit
$$;

-- A page of what was made from an image, oldest first. A grid counts where something was made from it.
CREATE OR REPLACE FUNCTION lineage_descendants(p_image uuid, p_after uuid, p_limit integer, p_groups_max integer)
RETURNS SETOF uuid LANGUAGE sql STABLE
SET enable_seqscan = off SET enable_hashjoin = off SET enable_mergejoin = off SET plan_cache_mode = force_generic_plan AS $$
    WITH RECURSIVE walk (job_id) AS (
        SELECT e.job_id FROM lineage_edges e WHERE e.parent_id = p_image AND e.drawn
        UNION
        SELECT e.job_id FROM walk w JOIN lineage_edges e ON e.parent_group = w.job_id AND e.drawn
    )
    SELECT i.id FROM (SELECT job_id FROM walk LIMIT p_groups_max) AS w JOIN images i ON i.job_id = w.job_id
    WHERE (p_after IS NULL OR i.id > p_after)
        AND (i.index IS NOT NULL OR EXISTS (SELECT FROM lineage_edges e WHERE e.parent_id = i.id AND e.drawn))
    ORDER BY i.id LIMIT p_limit
$$;

-- A page of all that is connected with an image, newest first. A group that is no job is one node: an upload, or an image that
-- came from words alone, whose siblings are not connected with it.
CREATE OR REPLACE FUNCTION lineage_graph(p_image uuid, p_after uuid, p_limit integer, p_groups_max integer)
RETURNS SETOF uuid LANGUAGE sql STABLE
SET enable_seqscan = off SET enable_hashjoin = off SET enable_mergejoin = off SET plan_cache_mode = force_generic_plan AS $$
    WITH RECURSIVE walk (grp, single) AS (
        SELECT coalesce(e.job_id, i.id), e.job_id IS NULL
        FROM images i LEFT JOIN lineage_edges e ON e.job_id = i.job_id AND e.position = 0 WHERE i.id = p_image
        UNION
        SELECT n.grp, n.single FROM walk w, LATERAL (
            SELECT e.parent_group AS grp, e.parent_group = e.parent_id AS single
            FROM lineage_edges e WHERE e.job_id = w.grp
            UNION ALL
            SELECT e.job_id, false FROM lineage_edges e WHERE e.parent_group = w.grp AND e.drawn
        ) AS n
    ), reached AS (SELECT grp, single FROM walk LIMIT p_groups_max)
    SELECT id FROM (
        SELECT grp AS id FROM reached WHERE single
        UNION ALL
        SELECT i.id FROM reached r JOIN images i ON i.job_id = r.grp
        WHERE NOT r.single
            AND (i.index IS NOT NULL OR EXISTS (SELECT FROM lineage_edges e WHERE e.parent_id = i.id AND e.drawn))
    ) AS n
    WHERE id <> p_image AND (p_after IS NULL OR id < p_after) ORDER BY id DESC LIMIT p_limit
$$;

-- A page of the graph with what is told of each node, in the order of the page. `kind` is NULL for what is there no more.
CREATE OR REPLACE FUNCTION lineage_nodes(p_ids uuid[]) RETURNS TABLE (
    id uuid, kind text, account_id uuid, job_id uuid, index smallint, action text, prompt text, visibility text,
    thumbnail text, created_at timestamptz, trashed_at timestamptz, deleted_at timestamptz
) LANGUAGE sql STABLE
SET enable_seqscan = off SET enable_hashjoin = off SET enable_mergejoin = off SET plan_cache_mode = force_generic_plan AS $$
    SELECT n.id, CASE WHEN i.id IS NOT NULL THEN 'image' WHEN u.id IS NOT NULL THEN 'upload' END,
        coalesce(i.account_id, u.account_id), i.job_id, i.index, coalesce(j.recipe::json ->> 'action', 'imagine'), j.prompt,
        i.visibility,
        CASE WHEN i.id IS NULL THEN u.digest ELSE
            (SELECT f ->> 1 FROM json_array_elements(i.files) AS f WHERE f ->> 0 = 'thumbnail' LIMIT 1)
        END,
        coalesce(i.created_at, u.created_at), i.trashed_at, coalesce(i.deleted_at, u.deleted_at)
    FROM unnest(p_ids) WITH ORDINALITY AS n (id, place)
    LEFT JOIN images i ON i.id = n.id
    LEFT JOIN finished_jobs j ON j.id = i.job_id
    LEFT JOIN uploads u ON u.id = n.id AND i.id IS NULL
    ORDER BY n.place
$$;
