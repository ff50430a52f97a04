"""Kernels of attention are chosen by settings and refused where they are not; CUDA graphs are recorded once a shape."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from dataclasses import replace

import pytest
import torch
from tests.families import builders_flux, builders_sd, builders_sd3, drive
from torch import Tensor

from darkroom.core.errors import ModelError
from darkroom.engine.fingerprint import fingerprint_of
from darkroom.model.families import attention
from darkroom.model.families.attention import choose_attention, switchable
from darkroom.model.families.flux import Flux
from darkroom.model.families.graphs import Forward, GraphCache, Rows
from darkroom.model.families.sd3 import StableDiffusion3
from darkroom.model.placement import Placement
from darkroom.model.steady import SteadyLinear, SteadyPatches


@pytest.fixture
def on_cuda(monkeypatch: pytest.MonkeyPatch) -> None:
    """A placement says CUDA; nothing is moved there."""
    monkeypatch.setattr(Placement, "torch_device", torch.device("cuda", 0))


def test_the_switch_reaches_transformers_and_not_unets() -> None:
    assert switchable(builders_flux.network())
    assert not switchable(builders_sd.network())
    assert not switchable(torch.nn.Linear(1, 1))


@pytest.mark.parametrize("kernels", ["flash", "sage"])
def test_kernels_that_cannot_be_had_are_refused(
    monkeypatch: pytest.MonkeyPatch, request: pytest.FixtureRequest, kernels: str
) -> None:
    network = builders_flux.network()
    with pytest.raises(ModelError, match="needs a CUDA device"):
        choose_attention(network, Placement(device="cpu", attention=kernels))
    request.getfixturevalue("on_cuda")
    with pytest.raises(ModelError, match="not fp32"):
        choose_attention(network, Placement(attention=kernels, precision="fp32"))
    with pytest.raises(ModelError, match="not installed: pip install"):
        choose_attention(network, Placement(attention=kernels, precision="fp16"))
    monkeypatch.setattr(attention, "_present", lambda kernels: True)
    with pytest.raises(ModelError, match="UNet2DConditionModel attends with torch's kernels alone"):
        choose_attention(builders_sd.network(), Placement(attention=kernels, precision="fp16"))


@pytest.mark.filterwarnings("ignore:`torch.jit:DeprecationWarning")
def test_a_fingerprint_names_what_a_placement_chose() -> None:
    plain = drive.adapted(Flux, builders_flux.pipeline())
    compiled = Flux(plain.parts, plain.entry, replace(drive.CPU, compile=True))
    assert (plain.kernels, compiled.kernels) == ("sdpa", "sdpa, compiled")
    prints = [fingerprint_of(each, rows=8) for each in (plain, compiled)]
    assert prints[0].kernels.startswith("sdpa, fp32") and prints[0].short != prints[1].short
    plain._run = GraphCache(plain.forward)
    assert plain.kernels == "sdpa, CUDA graphs"


def test_layers_that_go_by_the_number_of_rows_are_made_steady() -> None:
    network = drive.adapted(StableDiffusion3, builders_sd3.pipeline()).parts.network
    assert isinstance(network.pos_embed.proj, SteadyPatches)
    assert isinstance(network.time_text_embed.timestep_embedder.linear_1, SteadyLinear)


@pytest.mark.usefixtures("on_cuda")
def test_auto_takes_flash_where_it_is_and_never_eight_bits(monkeypatch: pytest.MonkeyPatch) -> None:
    network, chosen = builders_flux.network(), []
    monkeypatch.setattr(type(network), "set_attention_backend", lambda self, name: chosen.append(name))
    monkeypatch.setattr(attention, "_present", lambda kernels: True)
    assert choose_attention(network, Placement(precision="bf16")) == "flash"
    assert choose_attention(network, Placement(precision="bf16", attention="sage")) == "sage"
    monkeypatch.setattr(attention, "_present", lambda kernels: kernels == "sage")
    assert choose_attention(network, Placement(precision="bf16")) == "sdpa"
    assert choose_attention(builders_sd.network(), Placement(precision="bf16")) == "sdpa"
    assert chosen == ["flash", "sage", "native"]


class Recorder:
    """Stands for CUDA graphs: counts what is recorded and replays by calling."""

    def __init__(self) -> None:
        self.shapes: list[tuple[int, ...]] = []
        self.replays = 0

    def __call__(self, forward: Forward, inputs: Tensor, times: Tensor, rows: Rows) -> Forward:
        self.shapes.append(tuple(inputs.shape))

        def replay(inputs: Tensor, times: Tensor, rows: Rows) -> Tensor:
            self.replays += 1
            return forward(inputs, times, rows)

        return replay


def network(inputs: Tensor, times: Tensor, rows: Mapping[str, Tensor]) -> Tensor:
    return inputs + times[:, None] + rows["text"]


def call(cache: GraphCache, count: int, width: int = 2, value: float = 1.0) -> Tensor:
    inputs = torch.full((count, width), value)
    return cache(inputs, torch.ones(count), {"text": torch.ones(count, width)})


def test_each_shape_is_recorded_once() -> None:
    recorder = Recorder()
    cache = GraphCache(network, record=recorder)
    for count, value in ((2, 1.0), (4, 2.0), (2, 3.0), (4, 4.0), (2, 5.0)):
        assert torch.equal(call(cache, count, value=value), torch.full((count, 2), value + 2))
    assert recorder.shapes == [(2, 2), (4, 2)]
    assert recorder.replays == 5


def test_the_shape_that_was_not_used_for_longest_is_forgotten() -> None:
    recorder = Recorder()
    cache = GraphCache(network, record=recorder, most=2)
    for count in (1, 2, 1, 3, 1, 2):
        call(cache, count)
    assert len(cache) == 2
    assert [shape[0] for shape in recorder.shapes] == [1, 2, 3, 2]


def test_what_cannot_be_recorded_runs_without_a_graph(caplog: pytest.LogCaptureFixture) -> None:
    attempts = []

    def fails(forward: Forward, inputs: Tensor, times: Tensor, rows: Rows) -> Forward:
        attempts.append(len(inputs))
        raise RuntimeError("operation not permitted when stream is capturing")

    cache = GraphCache(network, record=fails)
    with caplog.at_level(logging.WARNING):
        for _ in range(3):
            assert torch.equal(call(cache, 2), torch.full((2, 2), 3.0))
    assert attempts == [2]
    assert len(caplog.records) == 1
    assert "run without one" in caplog.text


def test_memory_that_runs_out_is_for_the_engine() -> None:
    def full(forward: Forward, inputs: Tensor, times: Tensor, rows: Rows) -> Forward:
        raise torch.OutOfMemoryError("CUDA out of memory")

    with pytest.raises(torch.OutOfMemoryError):
        call(GraphCache(network, record=full), 2)


@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA device")
def test_a_recorded_network_says_what_it_says_without() -> None:
    unet = builders_sd.network().cuda()

    def forward(inputs: Tensor, times: Tensor, rows: Mapping[str, Tensor]) -> Tensor:
        output: Tensor = unet(inputs, times, encoder_hidden_states=rows["text"], return_dict=False)[0]
        return output

    cache = GraphCache(forward)
    with torch.inference_mode():
        for seed in range(3):
            torch.manual_seed(seed)
            inputs, text = torch.randn(4, 4, 8, 8).cuda(), torch.randn(4, 16, 16).cuda()
            times = torch.rand(4).cuda() * 1000
            torch.testing.assert_close(
                cache(inputs, times, {"text": text}), forward(inputs, times, {"text": text})
            )
    assert len(cache) == 1
