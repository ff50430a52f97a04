"""Floor 4: the process beside a device: pull, draw, score, upload, report. Holds no database connection."""
