"""Pictures as bytes by key: in a folder, in a bucket, or in memory. Knows neither jobs nor who may see what."""

from darkroom.storage.objects.keys import blob_key
from darkroom.storage.objects.location import open_objects
from darkroom.storage.objects.memory import MemoryObjects
from darkroom.storage.objects.seam import ObjectStore, Served
from darkroom.storage.objects.sweep import sweep_staging

__all__ = [
    "MemoryObjects",
    "ObjectStore",
    "Served",
    "blob_key",
    "open_objects",
    "sweep_staging",
]
