"""Floor 2: networks, samplers (one step each), the registry of models and of what each can do. Imports only core."""
