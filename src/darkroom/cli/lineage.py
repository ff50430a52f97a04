"""`darkroom lineage`: what an image was made from and what was made from it, as a tree in the terminal."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING

import click

from darkroom.cli.address import open_client
from darkroom.cli.ids import is_whole
from darkroom.cli.jobs import json_option
from darkroom.cli.plain import plain
from darkroom.cli.pointing import DELETED, IMAGES, find_image
from darkroom.cli.tables import short
from darkroom.core.errors import NotFound
from darkroom.core.lineage import Direction

if TYPE_CHECKING:
    from darkroom.cli.client import Client, Object

LIMIT = 200
LIMIT_MAX = 10_000
PAGE = 500  # nodes of one page at most
PROMPT_CHARACTERS = 60
LAST, NOT_LAST, BESIDE, BELOW = "└─ ", "├─ ", "│  ", "   "


@click.command("lineage")
@click.argument("image", metavar="IMAGE")
@click.option("--ancestors", is_flag=True, help="Only what it was made from.")
@click.option("--descendants", is_flag=True, help="Only what was made from it.")
@click.option(
    "--limit",
    type=click.IntRange(1, LIMIT_MAX),
    default=LIMIT,
    show_default=True,
    help="At most so many each way.",
)
@json_option
def lineage_command(image: str, ancestors: bool, descendants: bool, limit: int, as_json: bool) -> None:
    """Draw the family tree of IMAGE: what it was made from, in which role, and what was made from it."""
    wanted = [
        direction
        for direction, only in ((Direction.ANCESTORS, ancestors), (Direction.DESCENDANTS, descendants))
        if only or ancestors == descendants
    ]
    with open_client() as client:
        root = find_node(client, image)
        found = {direction: read_graph(client, str(root["id"]), direction, limit) for direction in wanted}
    if as_json:
        click.echo(json.dumps({"image": root["id"], **{each.value: graph for each, graph in found.items()}}))
        return
    for direction, graph in found.items():
        click.echo("made from" if direction is Direction.ANCESTORS else "became")
        for line in tree_lines(root, graph, upwards=direction is Direction.ANCESTORS):
            click.echo(line)
        if graph["more"]:
            click.echo(f"  and more: --limit {min(2 * limit, LIMIT_MAX)} shows them")


def find_node(client: Client, text: str) -> Object:
    """The image that a person means, with what is known of it where it was deleted."""
    try:
        return find_image(client, text, trashed=True)
    except NotFound as gone:
        if gone.code != DELETED or not is_whole(text.strip()):
            raise
        return {"id": text.strip().lower(), "deleted": True, "visible": False}


def read_graph(client: Client, image_id: str, direction: Direction, limit: int) -> Object:
    """At most `limit` nodes in one direction with their edges, page after page; `more` says whether there are others."""
    nodes: list[Object] = []
    edges: list[Object] = []
    cursor: object = None
    while True:
        page = client.get(
            f"{IMAGES}/{image_id}/lineage",
            direction=direction.value,
            cursor=cursor,
            limit=min(PAGE, limit - len(nodes)),
        )
        nodes += page["nodes"]
        edges += page["edges"]
        cursor = page["next_cursor"]
        if cursor is None or len(nodes) >= limit:
            return {"nodes": nodes, "edges": edges, "more": cursor is not None}


def tree_lines(root: Object, graph: Object, *, upwards: bool) -> Iterator[str]:
    """The graph as a tree below its root. A node that several others lead to is drawn once and named after that."""
    nodes: dict[str, Object] = {node["id"]: node for node in graph["nodes"]}
    nodes.setdefault(root["id"], {"kind": "image", "visible": True, "deleted": False, **root})
    near, far = ("child", "parent") if upwards else ("parent", "child")
    ways: dict[str, list[Object]] = {}
    for edge in graph["edges"]:
        if edge[far] in nodes:
            ways.setdefault(edge[near], []).append(edge)
    ways = {each: _by_grid(edges, far, nodes) for each, edges in ways.items()}
    yield node_words(nodes[root["id"]])
    if not ways.get(root["id"]):
        yield LAST + ("nothing: it came from words alone" if upwards else "nothing yet")
        return
    seen = {root["id"]}
    # An own stack instead of recursion: a tree may be deeper than Python's.
    stack = [(edge, "", last) for edge, last in _marked(ways[root["id"]])]
    while stack:
        edge, indent, last = stack.pop()
        node = nodes[edge[far]]
        again = " (see above)" if node["id"] in seen and ways.get(node["id"]) else ""
        yield f"{indent}{LAST if last else NOT_LAST}{edge['role']}  {node_words(node)}{again}"
        if node["id"] not in seen:
            seen.add(node["id"])
            deeper = indent + (BELOW if last else BESIDE)
            stack += [(each, deeper, end) for each, end in _marked(ways.get(node["id"], []))]


def _by_grid(edges: Sequence[Object], far: str, nodes: Mapping[str, Object]) -> list[Object]:
    """Edges with the images of one grid together, in the order of the grid; else as they come."""

    def grid(edge: Object) -> tuple[str, str]:
        return edge["role"], nodes[edge[far]].get("job_id") or edge[far]

    place = {each: number for number, each in enumerate(dict.fromkeys(map(grid, edges)))}
    return sorted(edges, key=lambda edge: (place[grid(edge)], nodes[edge[far]].get("index") or 0))


def _marked(edges: Sequence[Object]) -> list[tuple[Object, bool]]:
    """Edges as a stack gives them in order, each with whether it is the last."""
    return [(edge, place == 0) for place, edge in enumerate(reversed(edges))]


def node_words(node: Mapping[str, object]) -> str:
    """A node in one line: its name, what was done, and its words."""
    name = short(node["id"])
    if node["kind"] == "upload":
        return f"{name}  upload" + (" (deleted)" if node["deleted"] else "")
    if node["deleted"]:
        return f"{name}  an image that was deleted"
    if not node["visible"]:
        return f"{name}  an image that you may not see"
    action = str(node.get("action") or "imagine").replace("_", " ")
    place = f" {node['index']}" if node.get("index") else ""
    prompt = plain(str(node.get("prompt") or ""))
    cut = prompt if len(prompt) <= PROMPT_CHARACTERS else prompt[: PROMPT_CHARACTERS - 1] + "…"
    return f"{name}  {action}{place}  {cut}".rstrip()
