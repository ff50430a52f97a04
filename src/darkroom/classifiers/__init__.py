"""Floor 3: the models behind the ports of moderation, on onnxruntime. Scores, no decisions, no torch."""
