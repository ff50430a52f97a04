"""The stores in memory: core.ports kept by plain dicts in one process, for tests, simulation and as a model to compare with.

Every operation is atomic because it checks first, then writes, and never awaits in between. Nothing outlives the process.
"""

from darkroom.storage.memory.store import MemoryStore

__all__ = ["MemoryStore"]
