"""Floor 2: plans and prices, in whole GPU-milliseconds. Knows no job's life and no store."""
