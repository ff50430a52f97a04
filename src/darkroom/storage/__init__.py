"""Floor 3: PostgreSQL behind .sql files, and objects by key. Knows what to keep and how, and no policy."""
