"""What every lineage promises (core.ports.Lineage): each node once, in order, in pages of any size, whatever the graph."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass, field
from itertools import count
from uuid import UUID, uuid4

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from tests.contracts.world import Store, World

from darkroom.core.accounts import Account
from darkroom.core.errors import NotFound
from darkroom.core.lineage import Direction, Edge, GraphPage, Node
from darkroom.core.params import Visibility
from darkroom.core.recipes import Action, ParentKind, Recipe, Role
from darkroom.core.uploads import Upload

ANCESTORS, DESCENDANTS, GRAPH = Direction.ANCESTORS, Direction.DESCENDANTS, Direction.GRAPH


async def whole(
    store: Store, image_id: UUID, direction: Direction, limit: int = 100
) -> tuple[list[Node], list[Edge]]:
    """All pages of a graph, one after the other."""
    nodes: list[Node] = []
    edges: list[Edge] = []
    after: UUID | None = None
    while True:
        page: GraphPage = await store.lineage.page(image_id, direction, after=after, limit=limit)
        assert len(page.nodes) <= limit and (page.after is None or page.after == page.nodes[-1].id)
        nodes += page.nodes
        edges += page.edges
        after = page.after
        if after is None:
            return nodes, edges


async def ids(store: Store, image_id: UUID, direction: Direction, limit: int = 100) -> list[UUID]:
    return [node.id for node in (await whole(store, image_id, direction, limit))[0]]


class LineagePagesContract:
    async def test_what_is_not_there_is_not_found(self, store: Store) -> None:
        for direction in Direction:
            with pytest.raises(NotFound):
                await store.lineage.page(uuid4(), direction, after=None, limit=10)

    @pytest.mark.parametrize("direction", Direction)
    async def test_an_image_from_words_alone_has_no_relatives(
        self, store: Store, direction: Direction
    ) -> None:
        world = World(store)
        image_id, *siblings = await world.made(await world.account(), images=4, grid=True)
        assert len(siblings) == 4
        page = await store.lineage.page(image_id, direction, after=None, limit=10)
        assert page == GraphPage(nodes=(), edges=())

    async def test_a_family_in_all_directions(self, store: Store) -> None:
        world = World(store)
        account = await world.account()
        upload = await world.uploaded(account)
        root, sibling = await world.made(account, images=2)
        one, two = await world.made(account, root, upload, images=2)
        (child,) = await world.made(account, two)
        assert await ids(store, child, ANCESTORS) == [two, root, upload.id]
        assert await ids(store, root, ANCESTORS) == []
        assert await ids(store, root, DESCENDANTS) == [one, two, child]
        assert await ids(store, one, DESCENDANTS) == []
        assert await ids(store, two, DESCENDANTS) == [child]
        assert await ids(store, root, GRAPH) == [child, two, one, upload.id]
        assert await ids(store, one, GRAPH) == [child, two, root, upload.id]
        assert await ids(store, sibling, GRAPH) == []

    async def test_nodes_and_edges_say_what_they_are(self, store: Store) -> None:
        world = World(store)
        account = await world.account()
        upload = await world.uploaded(account)
        (root,) = await world.made(account, prompt="a wolf", visibility=Visibility.STEALTH)
        roles = (Role.INIT, Role.STYLE)
        (child,) = await world.made(account, root, upload, roles=roles)
        nodes, edges = await whole(store, child, ANCESTORS)
        image = await store.library.image(root)
        assert nodes == [
            Node(
                id=root, kind=ParentKind.IMAGE, account_id=account.id, job_id=image.job_id, index=0,
                action=Action.IMAGINE, prompt="a wolf", visibility=Visibility.STEALTH,
                thumbnail=image.files[1].digest, created_at=image.created_at,
            ),
            Node(
                id=upload.id, kind=ParentKind.UPLOAD, account_id=account.id, thumbnail=upload.digest,
                created_at=upload.created_at,
            ),
        ]  # fmt: skip
        assert edges == [
            Edge(child_id=child, parent_id=root, kind=ParentKind.IMAGE, role=Role.INIT),
            Edge(child_id=child, parent_id=upload.id, kind=ParentKind.UPLOAD, role=Role.STYLE),
        ]
        (below,) = (await whole(store, root, DESCENDANTS))[0]
        assert (below.id, below.action) == (child, Action.BLEND)

    async def test_the_edges_are_those_of_the_page_and_first_of_the_one_asked_about(
        self, store: Store
    ) -> None:
        world = World(store)
        account = await world.account()
        chain = [(await world.made(account))[0]]
        for _ in range(4):
            chain += await world.made(account, chain[-1])
        first = await store.lineage.page(chain[4], ANCESTORS, after=None, limit=2)
        assert [(each.child_id, each.parent_id) for each in first.edges] == [
            (chain[n], chain[n - 1]) for n in (4, 3, 2)
        ]
        rest = await store.lineage.page(chain[4], ANCESTORS, after=first.after, limit=2)
        assert [(each.child_id, each.parent_id) for each in rest.edges] == [(chain[1], chain[0])]
        assert rest.after is None

    async def test_a_parent_in_two_roles_has_two_edges_and_is_one_node(self, store: Store) -> None:
        world = World(store)
        account = await world.account()
        (root,) = await world.made(account)
        (child,) = await world.made(account, root, root, roles=(Role.INIT, Role.STYLE))
        nodes, edges = await whole(store, child, ANCESTORS)
        assert [node.id for node in nodes] == [root]
        assert [edge.role for edge in edges] == [Role.INIT, Role.STYLE]

    async def test_the_parents_of_jobs_in_the_order_of_their_recipes(self, store: Store) -> None:
        world = World(store)
        account = await world.account()
        one, two = [(await world.made(account))[0] for _ in range(2)]
        upload = await world.uploaded(account)
        blend = await world.submitted(account, recipe=world.recipe(two, upload, one, two))
        plain = await world.submitted(account)
        found = await store.lineage.parents([plain.id, blend.id, uuid4()])
        assert found == {blend.id: (two, upload.id, one)}
        assert await store.lineage.parents([]) == {}


class LineageHonestyContract:
    async def test_a_grid_is_a_node_where_something_was_made_from_it(self, store: Store) -> None:
        world = World(store)
        account = await world.account()
        (root,) = await world.made(account)
        image, grid = await world.made(account, root, grid=True)
        assert await ids(store, root, DESCENDANTS) == [image]
        (child,) = await world.made(account, grid)
        assert await ids(store, root, DESCENDANTS) == [image, grid, child]
        assert await ids(store, child, GRAPH) == [grid, image, root]
        assert await ids(store, grid, ANCESTORS) == [root]

    async def test_a_job_without_pictures_connects_nothing(self, store: Store) -> None:
        world = World(store)
        account = await world.account()
        one, two = [(await world.made(account))[0] for _ in range(2)]
        await world.dead_letter(account, recipe=world.recipe(one, two))
        running = await world.running(account, recipe=world.recipe(one, two))
        assert await ids(store, one, GRAPH) == []
        assert await ids(store, one, DESCENDANTS) == []
        finish = world.finish(running, images=(world.image(0),))
        await store.ledger.finish([finish])
        assert await ids(store, one, GRAPH) == [finish.images[0].id, two]

    async def test_a_dead_letter_s_successor_has_its_recipe_and_its_parents(self, store: Store) -> None:
        world = World(store)
        account = await world.account()
        (root,) = await world.made(account)
        dead = await world.dead_letter(account, recipe=world.recipe(root))
        change = await store.ledger.resubmit(dead.id, new_id=world.id(), now=world.now)
        assert change.jobs[0].recipe == dead.recipe == world.recipe(root)
        (again,) = await world.claimed(*change.jobs)
        finish = world.finish(again)
        await store.ledger.finish([finish])
        assert await ids(store, finish.images[0].id, ANCESTORS) == [root]
        assert (await store.library.image(finish.images[0].id)).recipe == dead.recipe

    async def test_parents_may_be_somebody_else_s(self, store: Store) -> None:
        world = World(store)
        one, two = await world.account(), await world.account()
        (theirs,) = await world.made(one)
        (own,) = await world.made(two, theirs)
        nodes, _ = await whole(store, own, ANCESTORS)
        assert [(node.id, node.account_id) for node in nodes] == [(theirs, one.id)]

    async def test_a_deleted_upload_keeps_its_place(self, store: Store) -> None:
        world = World(store)
        account = await world.account()
        upload = await world.uploaded(account)
        (child,) = await world.made(account, upload)
        await store.uploads.delete(upload.id, account_id=account.id, now=world.now)
        ((node,), (edge,)) = await whole(store, child, ANCESTORS)
        assert (node.id, node.deleted, node.thumbnail) == (upload.id, True, "")
        assert edge.parent_id == upload.id

    async def test_a_recipe_without_inputs_is_a_root_with_its_action(self, store: Store) -> None:
        world = World(store)
        account = await world.account()
        job = await world.running(account, recipe=Recipe(action=Action.REROLL, indices=(1,)))
        finish = world.finish(job, images=(world.image(0),))
        await store.ledger.finish([finish])
        (child,) = await world.made(account, finish.images[0].id)
        ((root,), _) = await whole(store, child, ANCESTORS)
        assert (root.id, root.action) == (finish.images[0].id, Action.REROLL)
        assert await ids(store, root.id, ANCESTORS) == []

    async def test_a_replay_is_related_by_its_role(self, store: Store) -> None:
        world = World(store)
        account = await world.account()
        (original,) = await world.made(account)
        (replay,) = await world.made(account, original, roles=(Role.REPLAY,))
        _, (edge,) = await whole(store, original, DESCENDANTS)
        assert (edge.child_id, edge.parent_id, edge.role) == (replay, original, Role.REPLAY)

    async def test_diamonds_with_more_paths_than_atoms(self, store: Store) -> None:
        world = World(store)
        account = await world.account()
        layers = [await world.made(account, images=2)]
        for _ in range(40):  # 2 ** 40 paths through 80 images
            layers.append(await world.made(account, *layers[-1], images=2))
        everything = [each for layer in layers for each in layer]
        assert await ids(store, layers[-1][0], ANCESTORS, 30) == everything[-3::-1]
        assert await ids(store, layers[0][0], DESCENDANTS, 30) == everything[2:]
        assert set(await ids(store, layers[7][1], GRAPH, 30)) == set(everything) - {layers[7][1]}


@dataclass
class Family:
    """A random graph as it was made, to compare with: what each image was made from."""

    nodes: list[UUID | Upload] = field(default_factory=list)
    images: list[UUID] = field(default_factory=list)
    parents: dict[UUID, set[UUID]] = field(default_factory=lambda: defaultdict(set))

    def reached(self, image_id: UUID, direction: Direction) -> set[UUID]:
        children: dict[UUID, set[UUID]] = defaultdict(set)
        for child, parents in self.parents.items():
            for parent in parents:
                children[parent].add(child)
        found: set[UUID] = set()
        near = {image_id}
        while near:
            found |= near
            up = (
                {each for one in near for each in self.parents[one]}
                if direction is not DESCENDANTS
                else set()
            )
            down = {each for one in near for each in children[one]} if direction is not ANCESTORS else set()
            near = (up | down) - found
        return found - {image_id}


PLANS = st.lists(
    st.tuples(st.integers(0, 3), st.lists(st.integers(0, 60), max_size=4)), min_size=1, max_size=14
)
"""Each step: an upload (0), or a job of 1 to 3 images made from these of the nodes before it (modulo their number)."""


async def grow(world: World, account: Account, plan: list[tuple[int, list[int]]], family: Family) -> Family:
    for images, chosen in plan:
        if images == 0:
            family.nodes.append(await world.uploaded(account))
            continue
        parents = [family.nodes[n % len(family.nodes)] for n in chosen] if family.nodes else []
        made = await world.made(account, *parents, images=images)
        for each in made:
            family.parents[each] = {p.id if isinstance(p, Upload) else p for p in parents}
        family.nodes += made
        family.images += made
    return family


@dataclass(frozen=True, kw_only=True)
class Question:
    """A graph to grow, which of its images is asked about (modulo their number), and in pages of which size."""

    plan: list[tuple[int, list[int]]]
    asked: int
    limit: int


QUESTIONS = st.builds(Question, plan=PLANS, asked=st.integers(0, 60), limit=st.integers(1, 7))
PROPERTY = settings(
    max_examples=20, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
_later = count(1)


async def answers_like_plain_reachability(store: Store, question: Question) -> None:
    """All pages of all directions, one after the other, hold what can be reached, in order, no node twice."""
    world = World(store)
    world.wait(next(_later))  # so that the ids of this example are in no earlier one
    family = await grow(world, await world.account(), question.plan, Family())
    if not family.images:
        return
    image_id = family.images[question.asked % len(family.images)]
    for direction in Direction:
        nodes, edges = await whole(store, image_id, direction, question.limit)
        expected = sorted(family.reached(image_id, direction), reverse=direction is not DESCENDANTS)
        assert [node.id for node in nodes] == expected
        assert {(each.child_id, each.parent_id) for each in edges} == {
            (child, parent) for child in (image_id, *expected) for parent in family.parents.get(child, ())
        }


class LineageContract(LineagePagesContract, LineageHonestyContract):
    """Every promise of core.ports.Lineage."""
