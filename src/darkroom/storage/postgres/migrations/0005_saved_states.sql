-- Where the states of a handed back job's unfinished images are staged, for whoever goes on with it.
-- Both tables, and last in each: an ended job is moved as a whole row.

ALTER TABLE jobs ADD COLUMN saved text;
ALTER TABLE finished_jobs ADD COLUMN saved text;
