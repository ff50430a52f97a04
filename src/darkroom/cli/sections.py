"""A group of commands that lists them below headings, in the order in which a person meets them. Knows no command."""

from __future__ import annotations

from collections.abc import Sequence

import click

NAME_COLUMNS = 12


class Sectioned(click.Group):
    """Commands come with the heading that they stand below."""

    def __init__(self, *arguments: object, **rest: object) -> None:
        super().__init__(*arguments, **rest)  # type: ignore[arg-type]
        self._sections: list[tuple[str, list[str]]] = []

    def add_section(self, heading: str, commands: Sequence[click.Command]) -> None:
        names = []
        for command in commands:
            assert command.name is not None
            self.add_command(command)
            names.append(command.name)
        self._sections.append((heading, names))

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        room = formatter.width - NAME_COLUMNS - 6
        for heading, names in self._sections:
            with formatter.section(heading):
                formatter.write_dl(
                    [
                        (name.ljust(NAME_COLUMNS), self.commands[name].get_short_help_str(room))
                        for name in names
                    ]
                )
