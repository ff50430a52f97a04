-- A job begins with the notes of the answer to whoever asked for it: ledger_submit has one more argument from now on.

DROP FUNCTION IF EXISTS ledger_submit(
    uuid, uuid, text, integer, integer, boolean, text, text, timestamptz, uuid[], text[], text[], text[], bigint[], text[],
    text[], bigint[], integer[], integer[], integer[], text[], text[]
);

-- Masks are listed, too.
DROP INDEX uploads_account;
CREATE INDEX uploads_account ON uploads (account_id, kind, id) WHERE deleted_at IS NULL;
