"""Floor 2: which ready job runs on which worker. Plain synchronous functions; now and rng are arguments."""
