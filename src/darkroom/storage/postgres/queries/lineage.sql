-- name: exists
SELECT FROM images WHERE id = $1

-- name: ancestors
SELECT * FROM lineage_nodes(ARRAY(SELECT lineage_ancestors($1, $2, $3, $4)))

-- name: descendants
SELECT * FROM lineage_nodes(ARRAY(SELECT lineage_descendants($1, $2, $3, $4)))

-- name: graph
SELECT * FROM lineage_nodes(ARRAY(SELECT lineage_graph($1, $2, $3, $4)))

-- name: edges
SELECT job_id, parent_id, parent_kind, role, weight FROM lineage_edges
WHERE job_id = ANY ($1::uuid[]) ORDER BY job_id, position

-- name: edges_to
-- The same, and those of an image's own job.
SELECT job_id, parent_id, parent_kind, role, weight, job_id = (SELECT job_id FROM images WHERE id = $2) AS own
FROM lineage_edges
WHERE job_id = ANY ($1::uuid[] || (SELECT job_id FROM images WHERE id = $2)) ORDER BY job_id, position
