"""Floor 3: the story. submit, dispatch, fulfil, cancel, recover, each read from top to bottom. Knows ports, no HTTP, no SQL."""
