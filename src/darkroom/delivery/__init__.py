"""Floor 3: how news travels: the event bus of this process. Knows subscribers and events, no rules about jobs."""
