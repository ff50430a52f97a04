"""The size rules find what they are meant to find, and the project keeps them."""

from pathlib import Path

from checks import sizes

LONG_BODY = "\n".join(f"    x{i} = {i}" for i in range(sizes.FUNCTION_LINES))


def module(root: Path, name: str, text: str) -> Path:
    """Writes a module of the package under `root` and returns its path from there."""
    path = Path("src/room") / name
    (root / path.parent).mkdir(parents=True, exist_ok=True)
    (root / path.parent / "__init__.py").touch()
    (root / path).write_text(text)
    return path


def test_a_function_of_the_greatest_length_is_kept_and_one_line_more_is_named(tmp_path: Path) -> None:
    at_limit = "def long():\n" + LONG_BODY.rpartition("\n")[0] + "\n"
    assert list(sizes.long_functions(at_limit)) == []
    assert list(sizes.long_functions("\ndef long():\n" + LONG_BODY)) == [
        (2, "long", sizes.FUNCTION_LINES + 1)
    ]


def test_methods_and_coroutines_are_functions_and_decorators_do_not_count() -> None:
    source = "class A:\n    @property\n    async def long(self):\n" + LONG_BODY.replace("    x", "        x")
    assert list(sizes.long_functions(source)) == [(3, "long", sizes.FUNCTION_LINES + 1)]


def test_a_module_over_the_limit_is_named_with_its_place(tmp_path: Path) -> None:
    path = module(tmp_path, "story.py", "x = 1\n" * (sizes.MODULE_LINES + 1))
    assert sizes.faults(tmp_path, [path]) == ["src/room/story.py:1: 401 lines, at most 400: split it by idea"]
    path = module(tmp_path, "story.py", "x = 1\n" * sizes.MODULE_LINES)
    assert sizes.faults(tmp_path, [path]) == []


def test_a_drawer_is_a_fault_as_a_module_and_as_a_folder(tmp_path: Path) -> None:
    drawer = module(tmp_path, "utils.py", "")
    folder = module(tmp_path, "helpers/fine.py", "")
    found = sizes.faults(tmp_path, [drawer, folder])
    assert [fault.split(":")[0] for fault in found] == ["src/room/utils.py", "src/room/helpers/fine.py"]


def test_a_folder_without_init_is_a_fault(tmp_path: Path) -> None:
    path = module(tmp_path, "fine.py", "")
    (tmp_path / path.parent / "__init__.py").unlink()
    assert "no __init__.py" in sizes.faults(tmp_path, [path])[0]


def test_the_studio_keeps_the_same_sizes_and_has_no_drawers_either(tmp_path: Path) -> None:
    long, drawer, fine = (
        sizes.STUDIO / "a/Long.svelte",
        sizes.STUDIO / "a/utils.svelte.ts",
        sizes.STUDIO / "a/b.ts",
    )
    (tmp_path / long.parent).mkdir(parents=True)
    (tmp_path / long).write_text("<p></p>\n" * (sizes.MODULE_LINES + 1))
    (tmp_path / drawer).write_text("export {};\n")
    (tmp_path / fine).write_text("x;\n" * sizes.MODULE_LINES)
    found = sizes.faults(tmp_path, [long, drawer, fine])
    assert [fault.split(":")[0] for fault in found] == ["web/src/a/Long.svelte", "web/src/a/utils.svelte.ts"]


def test_only_weights_may_be_large(tmp_path: Path) -> None:
    weights = sizes.WEIGHTS / "net.safetensors"
    picture = Path("docs/picture.webp")
    for path in (weights, picture):
        (tmp_path / path).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / path).write_bytes(bytes(sizes.FILE_BYTES + 1))
    assert sizes.faults(tmp_path, [weights]) == []
    assert sizes.faults(tmp_path, [picture])[0].startswith(
        "docs/picture.webp: 2,000,001 bytes, at most 2,000,000"
    )


def test_the_project_keeps_its_sizes(project: Path) -> None:
    assert sizes.faults(project, sizes.kept_files(project)) == []
