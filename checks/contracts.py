"""Two import contracts that import-linter does not bring: rooms of the standard library alone, and rooms free of a package.

A room that is named but not built yet is passed over, so that the contracts may name the whole plan.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator

from grimp import ImportGraph
from importlinter import Contract, ContractCheck, fields, output

PACKAGE = "darkroom"


def _modules_of(graph: ImportGraph, rooms: list[str]) -> list[str]:
    """The modules of those `rooms` that exist, sorted."""
    roots = [name for name in (f"{PACKAGE}.{room}" for room in rooms) if name in graph.modules]
    return sorted({module for root in roots for module in (root, *graph.find_descendants(root))})


def _is_outside(module: str) -> bool:
    top = module.partition(".")[0]
    return top != PACKAGE and top not in sys.stdlib_module_names


def _render(check: ContractCheck) -> None:
    for fault in check.metadata["faults"]:
        output.print_error(f"- {fault}")
    output.new_line()


class StandardLibraryOnly(Contract):
    """No module of `rooms` imports anything but the standard library and this package."""

    type_name = "standard_library_only"
    rooms = fields.ListField(subfield=fields.StringField())

    def check(self, graph: ImportGraph, verbose: bool) -> ContractCheck:
        """Kept when no module of the rooms has a direct import from outside."""
        rooms: list[str] = list(self.rooms)  # type: ignore[call-overload]
        faults = list(self._faults(graph, rooms))
        return ContractCheck(kept=not faults, metadata={"faults": faults})

    def _faults(self, graph: ImportGraph, rooms: list[str]) -> Iterator[str]:
        for module in _modules_of(graph, rooms):
            for imported in sorted(filter(_is_outside, graph.find_modules_directly_imported_by(module))):
                yield f"{module} imports {imported}, which is not in the standard library"

    def render_broken_contract(self, check: ContractCheck) -> None:
        """Prints one line for each import that is at fault."""
        _render(check)


class FreeOf(Contract):
    """No module of `rooms` imports one of `packages`, by itself or by way of another module."""

    type_name = "free_of"
    rooms = fields.ListField(subfield=fields.StringField())
    packages = fields.ListField(subfield=fields.StringField())

    def check(self, graph: ImportGraph, verbose: bool) -> ContractCheck:
        """Kept when no chain of imports leads from the rooms to the packages."""
        rooms: list[str] = list(self.rooms)  # type: ignore[call-overload]
        packages: list[str] = list(self.packages)  # type: ignore[call-overload]
        faults = list(self._faults(graph, rooms, [name for name in packages if name in graph.modules]))
        return ContractCheck(kept=not faults, metadata={"faults": faults})

    def _faults(self, graph: ImportGraph, rooms: list[str], packages: list[str]) -> Iterator[str]:
        for module in _modules_of(graph, rooms):
            for package in packages:
                chain = graph.find_shortest_chain(importer=module, imported=package)
                if chain is not None:
                    yield " -> ".join(chain)

    def render_broken_contract(self, check: ContractCheck) -> None:
        """Prints the shortest chain for each module that is at fault."""
        _render(check)
