"""Floor 3: starts, watches and stops workers. Knows processes, not what they do."""
