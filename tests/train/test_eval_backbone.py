"""The evaluation's eyes: the network's shapes and padding, and files that are not its weights."""

from pathlib import Path

import numpy as np
import pytest
import torch
import torch.nn.functional as F

from darkroom.core.errors import WeightsError
from darkroom.train.evaluation import backbone
from darkroom.train.evaluation.backbone import STAGES, Block, EfficientNetLite0, SameConvolution, Stage
from darkroom.train.evaluation.features import CHANNELS, LATE_CHANNELS, Eyes, prepared, whole


@pytest.fixture(scope="module")
def network() -> EfficientNetLite0:
    torch.manual_seed(0)
    return EfficientNetLite0().eval().requires_grad_(False)


def test_the_stages_halve_the_picture_five_times(network: EfficientNetLite0) -> None:
    shapes = [tuple(stage.shape[1:]) for stage in network.stages(torch.zeros(1, 3, 64, 64))]
    assert shapes == [
        (16, 32, 32),
        (24, 16, 16),
        (40, 8, 8),
        (80, 4, 4),
        (112, 4, 4),
        (192, 2, 2),
        (320, 2, 2),
    ]
    assert network(torch.zeros(2, 3, 64, 64)).shape == (2, 1000)


def test_it_has_the_size_that_the_paper_gives(network: EfficientNetLite0) -> None:
    parameters = sum(p.numel() for p in network.parameters())
    assert 4.6e6 < parameters < 4.7e6
    assert len(network._blocks) == 16 == network.ends[-1]


def test_a_stride_pads_at_the_end(network: EfficientNetLite0) -> None:
    convolution = SameConvolution(1, 1, 3, stride=2)
    picture = torch.randn(1, 1, 6, 6)
    padded = F.pad(picture, (0, 1, 0, 1))
    expected = F.conv2d(padded, convolution.weight, stride=2)
    assert torch.equal(convolution(picture), expected)


def test_without_a_stride_it_pads_on_both_sides() -> None:
    convolution = SameConvolution(2, 2, 5, groups=2)
    picture = torch.randn(1, 2, 7, 4)
    assert torch.equal(convolution(picture), F.conv2d(picture, convolution.weight, padding=2, groups=2))


def test_a_block_adds_its_input_only_where_shapes_allow() -> None:
    same = Stage(expansion=6, width=16, blocks=1, stride=1, kernel=3)
    assert Block(16, same, stride=1).adds
    assert not Block(16, same, stride=2).adds
    assert not Block(24, same, stride=1).adds


def test_weights_come_back_from_a_file(network: EfficientNetLite0, tmp_path: Path) -> None:
    torch.save(network.state_dict(), tmp_path / "eyes.pth")
    again = EfficientNetLite0.load(tmp_path / "eyes.pth")
    picture = torch.randn(1, 3, 32, 32)
    assert torch.equal(again(picture), network(picture))
    assert not again.training and not any(p.requires_grad for p in again.parameters())


@pytest.mark.parametrize("content", ["missing layers", "nothing"])
def test_other_files_are_refused(network: EfficientNetLite0, tmp_path: Path, content: str) -> None:
    file = tmp_path / "eyes.pth"
    if content == "missing layers":
        torch.save({"_fc.weight": network._fc.weight}, file)
    else:
        file.write_bytes(b"")
    with pytest.raises(WeightsError, match=r"eyes\.pth does not hold EfficientNet-Lite0"):
        EfficientNetLite0.load(file)


def test_a_missing_package_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(backbone, "PACKAGE", "no_such_package_of_weights")
    with pytest.raises(WeightsError, match="no-such-package-of-weights is not installed; `make eval-mini`"):
        EfficientNetLite0.load()


def test_cells_keep_where_things_are(network: EfficientNetLite0) -> None:
    pictures = np.full((3, 64, 64, 3), 128, np.uint8)
    pictures[1, :, :16] = 255  # something at the left
    pictures[2, :, -16:] = 255  # the same at the right
    cells = Eyes(network).cells(pictures)
    assert cells.shape == (3, 16, CHANNELS) and cells.dtype == torch.float16
    early = cells[..., : STAGES[1].width].float().view(3, 4, 4, -1)
    change = (early[1:] - early[0]).abs().mean((1, 3))  # (2, columns)
    assert change[0].argmax() == 0 and change[1].argmax() == 3
    assert whole(cells).shape == (3, LATE_CHANNELS)


def test_pictures_are_normalised_and_enlarged() -> None:
    white = prepared(np.full((1, 64, 64, 3), 255, np.uint8))
    assert white.shape == (1, 3, 128, 128)
    assert torch.allclose(
        white[0, :, 5, 5], torch.tensor([(1 - 0.485) / 0.229, (1 - 0.456) / 0.224, (1 - 0.406) / 0.225])
    )


def test_no_pictures_give_no_cells(network: EfficientNetLite0) -> None:
    assert Eyes(network).cells(np.zeros((0, 64, 64, 3), np.uint8)).shape == (0, 16, CHANNELS)
