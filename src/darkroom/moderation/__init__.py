"""Floor 2: what may be asked and shown, decided from words and scores. Plain Python; the classifiers are ports."""
