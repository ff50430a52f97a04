"""What a person sees: bars and pictures on a terminal, one line elsewhere, nothing when quiet."""

import base64
import io
import signal

import pytest
from PIL import Image
from rich.console import Console

from darkroom.cli.interrupts import Interrupts
from darkroom.cli.preview import HalfBlocks, Inline, inline_of, inline_sequence
from darkroom.cli.progress import BARS_MAX, Watch
from darkroom.core.events import ImageFinished, PreviewMade, StepTaken

RED = Image.new("RGB", (40, 20), (255, 0, 0))


def console(*, terminal: bool = True, quiet: bool = False, colours: str = "truecolor") -> Console:
    return Console(
        file=io.StringIO(),
        force_terminal=terminal,
        quiet=quiet,
        color_system=colours,  # type: ignore[arg-type]
        width=100,
        height=40,
        legacy_windows=False,
        _environ={},
    )


def shown(on: Console) -> str:
    assert isinstance(on.file, io.StringIO)
    return on.file.getvalue()


def watch_a_run(on: Console, environ: dict[str, str] | None = None, jobs: int = 1) -> str:
    with Watch(on, environ or {}) as watch:
        watch.say(f"{jobs} jobs")
        watch.introduce({str(job): f"a [red] \x1b[31mfox {job}" for job in range(jobs)}, [0, 1])
        for step in (1, 2):
            for job in map(str, range(jobs)):
                for index in (0, 1):
                    watch.happened(StepTaken(job_id=job, index=index, step=step, steps=2))
                    watch.happened(
                        PreviewMade(job_id=job, index=index, width=2, height=2, rgb=b"\x00\xff\x00" * 4)
                    )
                    watch.happened(ImageFinished(job_id=job, index=index))
        watch.finished(RED)
    return shown(on)


def test_a_terminal_shows_bars_and_the_picture() -> None:
    printed = watch_a_run(console())
    assert "a [red]  [31mfox 0" in printed
    assert "4/4" in printed
    assert "38;2;255;0;0" in printed


@pytest.mark.parametrize(("indices", "greens"), [([0, 1, 2, 3], 24), ([2], 48)])
def test_estimates_stand_where_they_belong(indices: list[int], greens: int) -> None:
    """One green estimate fills a quarter of a grid, and all of a lone image."""
    on = console()
    with Watch(on, {}) as watch:
        watch.introduce({"1": "a fox"}, indices)
        watch.happened(PreviewMade(job_id="1", index=2, width=2, height=2, rgb=b"\x00\xff\x00" * 4))
    last = [line for line in shown(on).splitlines() if "▀" in line][-1]
    assert last.count("38;2;0;255;0") == greens


def test_fewer_colours_show_bars_only() -> None:
    printed = watch_a_run(console(colours="standard"))
    assert "4/4" in printed
    assert "▀" not in printed


def test_many_jobs_share_a_bar() -> None:
    printed = watch_a_run(console(), jobs=BARS_MAX + 1)
    assert f"{BARS_MAX + 1} jobs" in printed
    assert "36/36" in printed
    assert "fox" not in printed


def test_elsewhere_there_is_one_line() -> None:
    assert watch_a_run(console(terminal=False)) == "1 jobs\n"


def test_quiet_is_silent() -> None:
    assert watch_a_run(console(quiet=True)) == ""


def test_terminals_that_show_pictures_get_the_finished_one() -> None:
    printed = watch_a_run(console(), {"KITTY_WINDOW_ID": "1"})
    assert "\033_Ga=T,f=100,m=0;" in printed
    assert "38;2;255;0;0" not in printed


@pytest.mark.parametrize(
    ("environ", "inline"),
    [
        ({}, Inline.NONE),
        ({"KITTY_WINDOW_ID": "1"}, Inline.KITTY),
        ({"TERM": "xterm-ghostty"}, Inline.KITTY),
        ({"TERM_PROGRAM": "iTerm.app"}, Inline.ITERM2),
        ({"TERM_PROGRAM": "WezTerm"}, Inline.ITERM2),
        ({"KITTY_WINDOW_ID": "1", "TMUX": "/tmp/tmux"}, Inline.NONE),
    ],
)
def test_which_terminals_show_pictures(environ: dict[str, str], inline: Inline) -> None:
    assert inline_of(environ) is inline


def test_kitty_gets_the_png_in_chunks() -> None:
    noise = Image.effect_noise((900, 900), 90).convert("RGB")
    chunks = inline_sequence(noise, Inline.KITTY).strip().split("\033\\")[:-1]
    heads, bodies = zip(*(chunk.removeprefix("\033_G").split(";") for chunk in chunks), strict=True)
    assert len(chunks) > 2
    assert heads[0] == "a=T,f=100,m=1"
    assert set(heads[1:-1]) == {"m=1"}
    assert heads[-1] == "m=0"
    assert max(map(len, bodies)) == 4096
    with Image.open(io.BytesIO(base64.b64decode("".join(bodies)))) as sent:
        assert sent.size == (768, 768)


def test_iterm_gets_the_png_at_once() -> None:
    head, _, body = inline_sequence(RED, Inline.ITERM2).strip("\a\n").partition(":")
    data = base64.b64decode(body)
    assert head == f"\033]1337;File=inline=1;size={len(data)}"
    with Image.open(io.BytesIO(data)) as sent:
        assert sent.tobytes() == RED.tobytes()


@pytest.mark.parametrize(
    ("size", "columns", "rows", "expected"), [((40, 20), 10, 24, (10, 2)), ((1, 9), 48, 2, (1, 2))]
)
def test_half_blocks_keep_the_aspect(
    size: tuple[int, int], columns: int, rows: int, expected: tuple[int, int]
) -> None:
    on = console(colours="truecolor")
    on.print(HalfBlocks(Image.new("RGB", size), columns=columns, rows=rows))
    lines = [line for line in shown(on).splitlines() if "▀" in line]
    assert (max(line.count("▀") for line in lines), len(lines)) == expected


def test_steps_that_somebody_else_counts() -> None:
    on = console()
    with Watch(on, {}) as watch:
        watch.introduce({"1": "a fox", "2": "an [apple]"}, [0, 1, 2, 3])
        watch.placed("2", "3 ahead, about 20 s")
        watch.advanced("1", 5, 64)
        watch.completed("1")
        watch.completed("2")
        watch.look(RED)
    last = shown(on)
    assert "64/64" in last and "1/1" in last
    assert "an [apple]" in last and "3 ahead, about 20 s" in last
    assert watch.shows_previews and watch.shows_pictures
    assert "38;2;255;0;0" in last


def test_many_jobs_share_what_somebody_else_counts() -> None:
    on = console(colours="standard")
    with Watch(on, {}) as watch:
        watch.introduce({str(job): "a fox" for job in range(BARS_MAX + 1)}, [0, 1, 2, 3])
        watch.placed("1", "next")
        watch.advanced("1", 5, 64)
    assert f"5/{64 * (BARS_MAX + 1)}" in shown(on)
    assert "next" not in shown(on)
    assert not watch.shows_previews and not watch.shows_pictures


def test_interrupts_respect_nohup() -> None:
    before = signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        with Interrupts() as interrupts:
            signal.raise_signal(signal.SIGINT)
            interrupts.check()
    finally:
        signal.signal(signal.SIGINT, before)


def test_interrupts_hand_the_signals_back() -> None:
    before = [signal.getsignal(which) for which in (signal.SIGINT, signal.SIGTERM)]
    with Interrupts() as interrupts:
        interrupts.check()
        assert signal.getsignal(signal.SIGTERM) not in before
    assert [signal.getsignal(which) for which in (signal.SIGINT, signal.SIGTERM)] == before
