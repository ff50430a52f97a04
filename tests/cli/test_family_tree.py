"""The tree that `darkroom lineage` draws of a graph: the order of its lines, and what is not there any more."""

from __future__ import annotations

from typing import Any

from tests.cli.scripted import identity

from darkroom.cli.lineage import node_words, tree_lines

ROOT = {"id": identity(1), "index": 2, "action": "imagine", "prompt": "a fox", "job_id": identity(9)}


def node(number: int, job: int | None, index: int | None) -> Any:
    """An image of a job; without one an image that may not be seen."""
    return {
        "id": identity(number), "kind": "image", "job_id": job and identity(job), "index": index, "action": "vary_subtle",
        "prompt": f"prompt {number}", "visible": job is not None, "deleted": False,
    }  # fmt: skip


def children(*nodes: Any, role: str = "init") -> Any:
    edges = [{"child": each["id"], "parent": ROOT["id"], "role": role} for each in nodes]
    return {"nodes": list(nodes), "edges": edges}


def names(graph: Any) -> list[str]:
    """The names in the lines below the root."""
    _, *lines = tree_lines(ROOT, graph, upwards=False)
    return [line.split()[2] for line in lines]


def test_the_images_of_a_grid_stand_together_and_in_its_order() -> None:
    found = [
        node(20, 2, 4),
        node(31, 3, 1),
        node(21, 2, 1),
        node(40, None, None),
        node(22, 2, 3),
        node(30, 3, 2),
    ]
    assert names(children(*found)) == [identity(each)[-8:] for each in (21, 22, 20, 31, 30, 40)]


def test_roles_stay_apart() -> None:
    first, second, third = node(20, 2, 2), node(21, 2, 1), node(22, 2, 3)
    graph = children(first, second)
    graph["nodes"].append(third)
    graph["edges"].insert(1, {"child": third["id"], "parent": ROOT["id"], "role": "style"})
    assert names(graph) == [identity(each)[-8:] for each in (21, 20, 22)]


def test_what_was_deleted_says_so_before_who_may_see_it() -> None:
    """The service shows nothing else of it."""
    gone = {**node(5, None, None), "deleted": True}
    assert node_words(gone) == f"{identity(5)[-8:]}  an image that was deleted"
    assert node_words(node(5, None, None)) == f"{identity(5)[-8:]}  an image that you may not see"
    [root, nothing] = tree_lines(
        {"id": identity(1), "deleted": True, "visible": False}, children(), upwards=False
    )
    assert root == f"{identity(1)[-8:]}  an image that was deleted"
    assert nothing == "└─ nothing yet"
