-- name: lock
SELECT pg_advisory_lock(7236419052)

-- name: unlock
SELECT pg_advisory_unlock(7236419052)

-- name: book
CREATE TABLE IF NOT EXISTS schema_migrations (
    version integer PRIMARY KEY,
    name text NOT NULL,
    checksum text NOT NULL,
    applied_at timestamptz NOT NULL DEFAULT now()
)

-- name: applied
SELECT version, name, checksum FROM schema_migrations ORDER BY version

-- name: note
INSERT INTO schema_migrations (version, name, checksum) VALUES ($1, $2, $3)
ON CONFLICT (version) DO UPDATE SET name = excluded.name, checksum = excluded.checksum, applied_at = now()

-- name: server_version
SELECT current_setting('server_version_num')::integer AS version
