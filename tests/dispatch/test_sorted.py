"""The sorted buckets behave like a sorted list."""

from hypothesis import given
from hypothesis import strategies as st

from darkroom.dispatch import sorted as buckets


@given(st.lists(st.integers(0, 60), max_size=300))
def test_adding_and_removing_is_like_a_sorted_list(steps: list[int]) -> None:
    collection: buckets.Sorted[int] = buckets.Sorted()
    model: set[int] = set()
    for item in steps:
        if item in model:
            collection.remove(item)
            model.remove(item)
        else:
            collection.add(item)
            model.add(item)
        assert list(collection) == sorted(model)
        assert len(collection) == len(model)
        assert collection.first() == min(model, default=None)
        assert collection.rank(item) == sum(each < item for each in model)


def test_many_items_are_kept_in_order_over_many_buckets() -> None:
    collection: buckets.Sorted[int] = buckets.Sorted()
    items = [(i * 7919) % 10_007 for i in range(10_007)]
    for item in items:
        collection.add(item)
    assert list(collection) == sorted(items)
    assert collection.rank(5_000) == 5_000
    for item in items[::2]:
        collection.remove(item)
    assert list(collection) == sorted(items[1::2])
