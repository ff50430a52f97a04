"""A fleet of tiny real processes: started, watched, started again, stopped, and gone when their parent is."""

import asyncio
import os
import random
import re
import signal
import socket
import subprocess
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pytest

from darkroom.fleet.devices import Device, cpu_devices, cuda_devices, local_devices
from darkroom.fleet.local import LOG_MAX_BYTES, LocalFleet, worker_command

WAIT_S = 20.0


class Watch:
    """A fleet's exits, and its pauses, which take no time."""

    def __init__(self, pauses: int = 100) -> None:
        self.exits: list[tuple[str, int]] = []
        self.codes: dict[str, int] = {}
        self.pauses: list[float] = []
        self.left = pauses
        self.changed = asyncio.Event()

    def on_exit(self, name: str) -> None:
        self.exits.append((name, self.codes[name]))
        self.changed.set()

    async def sleep(self, wait_s: float) -> None:
        self.pauses.append(wait_s)
        self.changed.set()
        if len(self.pauses) >= self.left:
            await asyncio.Event().wait()

    async def until(self, holds: Callable[[], object]) -> None:
        async with asyncio.timeout(WAIT_S):
            while not holds():
                self.changed.clear()
                await self.changed.wait()


def fleet(code: str, watch: Watch, logs: Path | None = None, **more: object) -> LocalFleet:
    """Processes that run `code`, whose arguments are the device's name and the address."""

    def command(device: Device, url: str) -> Sequence[str]:
        return (sys.executable, "-c", code, device.name, url)

    seams = {"on_exit": watch.on_exit, "sleep": watch.sleep, "rng": random.Random(1), "command": command}
    made: Any = {**seams, **more}
    running = LocalFleet(url="http://service", token="dw_secret", logs=logs, host="box", **made)
    watch.codes = running.exit_codes
    return running


async def written(path: Path, text: str) -> None:
    """Waits until a log holds a text."""

    def found() -> bool:
        return path.exists() and text in path.read_text()

    async with asyncio.timeout(WAIT_S):
        while True:
            if await asyncio.to_thread(found):
                return
            await asyncio.sleep(0.01)


async def test_a_worker_gets_its_token_by_the_environment_and_no_other_secret(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DARKROOM_DATABASE_URL", "postgresql://secret")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "secret")
    code = (
        "import os, sys; print(sys.argv[1:], os.environ['DARKROOM_WORKER_TOKEN'], os.environ['CUDA_VISIBLE_DEVICES']);"
        "print([n for n in os.environ if n.startswith('AWS') or 'DATABASE' in n], 'end')"
    )
    watch = Watch()
    running = fleet(
        code,
        watch,
        tmp_path / "logs",
        devices=[Device(name="gpu", environment={"CUDA_VISIBLE_DEVICES": "1"})],
    )
    await running.start()
    await watch.until(lambda: watch.exits)
    await running.stop(1)
    text = (tmp_path / "logs" / "worker-box-gpu.log").read_text()
    assert text == "['box-gpu', 'http://service'] dw_secret 1\n[] end\n"


async def test_a_worker_that_fails_starts_again_after_longer_and_longer_pauses() -> None:
    watch = Watch(pauses=9)
    running = fleet("raise SystemExit(1)", watch)
    await running.start()
    await watch.until(lambda: len(watch.pauses) == 9)
    await running.stop(1)
    assert watch.exits == [("box-cpu", 1)] * 9
    for pause, plain in zip(watch.pauses, [1, 2, 4, 8, 16, 32, 60, 60, 60], strict=True):
        assert 0.8 * plain <= pause <= 1.2 * plain


async def test_a_minute_of_health_forgets_the_failures() -> None:
    watch, now = Watch(pauses=4), iter([0, 1, 10, 11, 20, 81, 90, 91])
    running = fleet("raise SystemExit(1)", watch, clock=lambda: float(next(now)))
    await running.start()
    await watch.until(lambda: len(watch.pauses) == 4)
    await running.stop(1)
    assert [round(pause / 1.3) for pause in watch.pauses[:2]] == [1, 2]
    assert watch.pauses[2] < 1.3 < watch.pauses[3]


@pytest.mark.parametrize("code", [0, 3])
async def test_a_worker_that_left_or_is_not_welcome_is_not_started_again(code: int) -> None:
    watch = Watch()
    running = fleet(f"raise SystemExit({code})", watch)
    await running.start()
    await watch.until(lambda: watch.exits)
    await asyncio.wait_for(asyncio.gather(*running._keepers.values()), WAIT_S)
    assert watch.exits == [("box-cpu", code)] and watch.pauses == []
    await running.stop(1)


async def test_a_drained_worker_starts_again_when_it_is_woken() -> None:
    watch = Watch()
    running = fleet("raise SystemExit(0)", watch)
    await running.start()
    for lives in (1, 2):
        await watch.until(lambda: len(watch.exits) == lives)  # noqa: B023
        await asyncio.wait_for(asyncio.gather(*running._keepers.values()), WAIT_S)
        running.drain("box-cpu")
        running.wake("another-cpu")
        assert running._keepers["box-cpu"].done()
        running.wake("box-cpu")
    await watch.until(lambda: len(watch.exits) == 3)
    await running.stop(1)
    running.wake("box-cpu")
    assert running._keepers["box-cpu"].done() and watch.exits == [("box-cpu", 0)] * 3


async def test_a_worker_that_is_woken_while_it_leaves_starts_again(tmp_path: Path) -> None:
    code = (
        "import signal, sys, time; signal.signal(15, lambda *_: sys.exit(0));"
        "print('up', flush=True); time.sleep(60)"
    )
    watch = Watch()
    running = fleet(code, watch, tmp_path)
    await running.start()
    for lives in (1, 2):
        await written(tmp_path / "worker-box-cpu.log", "up\n" * lives)
        running.drain("box-cpu")
        running.wake("box-cpu")
        if lives == 2:
            running.drain("box-cpu")
        os.kill(running.running["box-cpu"], signal.SIGTERM)
    await asyncio.wait_for(asyncio.gather(*running._keepers.values()), WAIT_S)
    assert watch.exits == [("box-cpu", 0)] * 2 and watch.pauses == []
    await running.stop(1)


async def test_a_drained_worker_stays_stopped_however_it_ends() -> None:
    watch = Watch()
    running = fleet("raise SystemExit(1)", watch)
    running.drain("box-cpu")
    await running.start()
    await asyncio.wait_for(asyncio.gather(*running._keepers.values()), WAIT_S)
    assert watch.exits == []
    running.wake("box-cpu")
    await watch.until(lambda: watch.pauses)
    running.drain("box-cpu")
    await asyncio.wait_for(asyncio.gather(*running._keepers.values()), WAIT_S)
    await running.stop(1)


async def test_a_killed_worker_is_told_at_once(tmp_path: Path) -> None:
    watch = Watch()
    running = fleet("import time; print('up', flush=True); time.sleep(60)", watch, tmp_path, workers=2)
    await running.start()
    await written(tmp_path / "worker-box-cpu-1.log", "up")
    await written(tmp_path / "worker-box-cpu-2.log", "up")
    os.kill(running.running["box-cpu-2"], signal.SIGKILL)
    await watch.until(lambda: watch.exits)
    assert watch.exits == [("box-cpu-2", -signal.SIGKILL)]
    await running.stop(WAIT_S)
    assert ("box-cpu-1", -signal.SIGTERM) in watch.exits and running.running == {}


async def test_who_does_not_leave_is_killed(tmp_path: Path) -> None:
    code = "import signal, time; signal.signal(15, signal.SIG_IGN); print('up', flush=True); time.sleep(60)"
    watch = Watch()
    running = fleet(code, watch, tmp_path)
    await running.start()
    await written(tmp_path / "worker-box-cpu.log", "up")
    await running.stop(0.05)
    assert watch.exits == [("box-cpu", -signal.SIGKILL)]


async def test_who_does_not_leave_is_asked_again_before(tmp_path: Path) -> None:
    code = (
        "import signal, sys, time; asked = []\n"
        "def ask(*_): asked.append(1); len(asked) == 2 and sys.exit(5)\n"
        "signal.signal(15, ask); print('up', flush=True); time.sleep(60)"
    )
    watch = Watch()
    running = fleet(code, watch, tmp_path)
    await running.start()
    await written(tmp_path / "worker-box-cpu.log", "up")
    await asyncio.gather(running.stop(1.0), watch.until(lambda: watch.exits))
    assert watch.exits == [("box-cpu", 5)]


async def test_stopping_cuts_a_pause_short() -> None:
    watch = Watch(pauses=1)
    running = fleet("raise SystemExit(1)", watch)
    await running.start()
    await watch.until(lambda: watch.pauses)
    await asyncio.wait_for(running.stop(60), WAIT_S)


async def test_a_command_that_is_not_there_is_a_failure_like_any_other() -> None:
    watch = Watch(pauses=2)
    running = fleet("", watch, command=lambda device, url: ("/nowhere/darkroom",))
    await running.start()
    await watch.until(lambda: len(watch.pauses) == 2)
    await running.stop(1)
    assert watch.exits == [("box-cpu", 127)] * 2


async def test_a_log_never_grows_beyond_its_limit(tmp_path: Path) -> None:
    code = f"import sys; [sys.stdout.write('x' * 99 + chr(10)) for _ in range({LOG_MAX_BYTES // 40})]; print('end')"
    watch = Watch()
    running = fleet(code, watch, tmp_path)
    await running.start()
    await watch.until(lambda: watch.exits)
    await running.stop(1)
    logs = [tmp_path / name for name in sorted(os.listdir(tmp_path))]
    assert [log.name for log in logs] == ["worker-box-cpu.log", "worker-box-cpu.log.1"]
    assert max(log.stat().st_size for log in logs) <= LOG_MAX_BYTES
    assert logs[0].read_text().endswith("end\n")


PARENT = """
import asyncio, sys
from darkroom.fleet.local import LocalFleet
import os
CHILD = '''
import socket, sys, time
from darkroom.fleet.parent import die_with_parent
die_with_parent(int(sys.argv[1]))
call = socket.create_connection(("127.0.0.1", int(sys.argv[2])))
call.sendall(b"up")
time.sleep(60)
'''
def command(device, url):
    return (sys.executable, "-c", CHILD, str(os.getpid()), sys.argv[1])
async def main():
    await LocalFleet(url="", token="", command=command).start()
    await asyncio.sleep(60)
asyncio.run(main())
"""


@pytest.mark.skipif(sys.platform != "linux", reason="elsewhere it takes a look a second")
def test_killing_the_parent_leaves_no_orphans() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        listener.settimeout(WAIT_S)
        parent = subprocess.Popen([sys.executable, "-c", PARENT, str(listener.getsockname()[1])])
        try:
            call, _ = listener.accept()
            with call:
                call.settimeout(WAIT_S)
                assert call.recv(2) == b"up"
                parent.kill()
                assert call.recv(2) == b""  # the child's end was closed: it is gone
        finally:
            parent.kill()
            parent.wait()


def test_who_has_lost_its_parent_already_does_not_start() -> None:
    code = "from darkroom.fleet.parent import die_with_parent; die_with_parent(1 << 22); print('lives')"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout) == (1, "")


def test_a_worker_is_started_without_its_token_on_the_command_line() -> None:
    command = worker_command(Device(name="cpu"), "http://127.0.0.1:8642")
    assert command[:4] == (sys.executable, "-m", "darkroom.cli", "worker")
    assert command[4:] == (
        "--url",
        "http://127.0.0.1:8642",
        "--name",
        "cpu",
        "--watch-parent",
        str(os.getpid()),
    )


def test_devices(tmp_path: Path) -> None:
    assert [device.name for device in cpu_devices()] == ["cpu"]
    assert [device.name for device in cpu_devices(2)] == ["cpu-1", "cpu-2"]
    assert cpu_devices(0) == ()
    assert cuda_devices({}, listed=tmp_path / "none") == ()
    for bus in ("0000:01:00.0", "0000:02:00.0"):
        (tmp_path / bus).mkdir()
    found = cuda_devices({}, listed=tmp_path)
    assert [(each.name, dict(each.environment)) for each in found] == [
        ("cuda-0", {"CUDA_VISIBLE_DEVICES": "0"}),
        ("cuda-1", {"CUDA_VISIBLE_DEVICES": "1"}),
    ]
    assert [each.name for each in cuda_devices({"CUDA_VISIBLE_DEVICES": "3, 5"}, listed=tmp_path)] == [
        "cuda-3",
        "cuda-5",
    ]
    assert cuda_devices({"CUDA_VISIBLE_DEVICES": ""}, listed=tmp_path) == ()


@pytest.mark.parametrize(
    ("asked", "names"),
    [
        ({}, ["cuda-0", "cuda-1"]),
        ({"workers": 1}, ["cuda-0"]),
        ({"workers": 3}, ["cuda-0", "cuda-1"]),
        ({"workers": 0}, []),
        ({"device": "cpu"}, ["cpu"]),
        ({"device": "cpu", "workers": 2}, ["cpu-1", "cpu-2"]),
        ({"device": "cuda"}, ["cuda-0", "cuda-1"]),
        ({"device": "cuda:1"}, ["cuda-1"]),
        ({"device": "cuda:7"}, ["cuda-7"]),
    ],
)
def test_the_devices_of_this_machine(tmp_path: Path, asked: dict[str, Any], names: list[str]) -> None:
    for bus in ("0000:01:00.0", "0000:02:00.0"):
        (tmp_path / bus).mkdir()
    assert [each.name for each in local_devices({}, listed=tmp_path, **asked)] == names


def test_a_worker_that_sees_one_device_finds_it_as_its_first(tmp_path: Path) -> None:
    (tmp_path / "0000:01:00.0").mkdir()
    environ = {"CUDA_VISIBLE_DEVICES": "3,5"}
    (device,) = local_devices(environ, device="cuda:1", listed=tmp_path)
    assert device.environment == {"CUDA_VISIBLE_DEVICES": "5", "DARKROOM_DEVICE": "cuda"}
    assert local_devices({}, listed=tmp_path / "none")[0].environment == {"CUDA_VISIBLE_DEVICES": ""}
    assert local_devices({}, listed=tmp_path / "none", workers=2)[1].name == "cpu-2"


def test_workers_are_called_after_their_machine() -> None:
    first, second = (next(iter(LocalFleet(url="", token="")._devices)) for _ in range(2))
    assert first == second and re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9.-]*-cpu", first)


async def test_a_worker_that_breaks_is_told_with_its_last_words(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    watch = Watch()
    running = fleet("print('loading'); print('no such device'); raise SystemExit(1)", watch, tmp_path)
    await running.start()
    await watch.until(lambda: watch.pauses)
    await running.stop(1)
    log = tmp_path / "worker-box-cpu.log"
    assert (
        f"ended (exit code 1); it starts again in {watch.pauses[0]:.1f} s (see {log}, which ends: no such device)"
        in (caplog.text)
    )
