"""Floor 4: HTTP. Schemas, routes, who is asking; every rule it applies lives in a room below."""
