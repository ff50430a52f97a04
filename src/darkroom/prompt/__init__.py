"""Floor 2: the prompt language. Text to jobs and back; raises nothing but PromptError. Imports only core."""

from darkroom.prompt.canonical import format_prompt
from darkroom.prompt.parser import OWNER, STORED, BatchLimits, count_jobs, drafts, parse
from darkroom.prompt.rewording import checked, reworded, stored
from darkroom.prompt.table import CODES, PARAMETERS, Parameter

__all__ = [
    "CODES",
    "OWNER",
    "PARAMETERS",
    "STORED",
    "BatchLimits",
    "Parameter",
    "checked",
    "count_jobs",
    "drafts",
    "format_prompt",
    "parse",
    "reworded",
    "stored",
]
