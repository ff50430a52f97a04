"""Chaos: seeded rounds of faults against the real processes, and afterwards the proof that nothing was lost or charged twice."""
