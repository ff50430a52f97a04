"""Floor 5: the only room that knows everybody. Reads the settings and joins the parts of each process.

Importing it loads neither torch nor a server; `drawing.open_studio` and `server.open_server` do.
"""

from darkroom.bootstrap.drawing import open_studio, settings_of_process
from darkroom.bootstrap.library import check_drawable
from darkroom.bootstrap.models import open_catalogue

__all__ = ["check_drawable", "open_catalogue", "open_studio", "settings_of_process"]
