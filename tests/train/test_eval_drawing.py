"""Pictures come out of the engine in the order in which they were asked for."""

from collections.abc import Mapping, Sequence

import numpy as np
import pytest
import torch
from torch import Tensor

from darkroom.core.errors import ModelError
from darkroom.core.params import GenerationParams
from darkroom.model.denoiser import Conditioning, Encoded, Given, Prepared
from darkroom.train.evaluation import drawing
from darkroom.train.evaluation.drawing import engine_artist
from darkroom.train.evaluation.prompts import Question


class Flat:
    """A denoiser whose picture is one level: its seed's last digit times ten, plus the index of the image."""

    name, weights_hash, device, dtype = "flat", "0" * 64, torch.device("cpu"), torch.float32

    def texts(self, params: GenerationParams) -> tuple[str, ...]:
        return ()

    def encode(self, texts: Sequence[str]) -> Sequence[Encoded]:
        return [{} for _ in texts]

    def prepare(
        self,
        params: GenerationParams,
        *,
        index: int,
        encoded: Mapping[str, Encoded] | None = None,
        given: Given | None = None,
    ) -> Prepared:
        if params.text == "trouble":
            raise ModelError("no")
        assert params.seed is not None
        level = torch.full((1,), (params.seed % 10) * 10.0 + index)
        return Prepared(
            row_class="flat/2x2", latent=torch.zeros(3, 2, 2), sigmas=(1.0, 0.5, 0.0), guidance=1.0, sampler="euler",
            conditional={"level": level}, unconditional=None,
        )  # fmt: skip

    def denoise(self, latents: Tensor, sigmas: Tensor, conditioning: Sequence[Conditioning]) -> Tensor:
        return torch.stack([row["level"].expand(3, 2, 2) for row in conditioning])

    def decode(self, latents: Tensor, *, seamless: bool = False) -> Tensor:
        return latents / 255

    def preview(self, denoised: Tensor) -> Tensor:
        return denoised


def questions(count: int) -> list[Question]:
    return [Question(text=f"thing {i}", seed=100 + i) for i in range(count)]


def test_each_picture_answers_its_question(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(drawing, "IN_FLIGHT", 3)  # jobs are split between turns of the engine
    pictures = engine_artist(Flat())(questions(5), 2)
    assert pictures.shape == (5, 2, 2, 2, 3) and pictures.dtype == np.uint8
    assert pictures[:, :, 0, 0, 0].tolist() == [[10 * i, 10 * i + 1] for i in range(5)]


def test_a_picture_that_fails_stops_the_evaluation() -> None:
    asked = [*questions(1), Question(text="trouble", seed=7)]
    with pytest.raises(ModelError, match="image 0 of prompt 1 failed"):
        engine_artist(Flat())(asked, 1)
