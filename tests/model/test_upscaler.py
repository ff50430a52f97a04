"""The upscaler on the weights that ship with the package."""

from itertools import pairwise

import pytest
import torch
import torch.nn.functional as F
from safetensors import safe_open
from safetensors.torch import save_file

from darkroom.core.errors import WeightsError
from darkroom.model import upscaler
from darkroom.model.upscaler import Creative, DenseBlock, Upscaler


@pytest.fixture(scope="module")
def compact() -> Upscaler:
    return Upscaler.load()


def picture(height: int, width: int, batch: int = 1) -> torch.Tensor:
    """Soft blobs of colour: something like a drawing, and nothing like noise."""
    coarse = torch.rand(batch, 3, 6, 6, generator=torch.Generator().manual_seed(3))
    return F.interpolate(coarse, size=(height, width), mode="bicubic").clamp(0, 1)


def test_shape_and_range(compact):
    large = compact.upscale(torch.rand(2, 3, 20, 12))
    assert large.shape == (2, 3, 80, 48)
    assert large.dtype == torch.float32
    assert large.min() >= 0
    assert large.max() <= 1


def test_the_large_picture_is_the_small_one_again_when_it_is_shrunk(compact):
    rows, columns = torch.meshgrid(torch.arange(48.0), torch.arange(48.0), indexing="ij")
    disc = (14.5 - ((rows - 22) ** 2 + (columns - 26) ** 2).sqrt()).clamp(0, 1)
    red, blue = torch.tensor([0.9, 0.2, 0.1]), torch.tensor([0.3, 0.6, 0.9])
    small = (disc * red[:, None, None] + (1 - disc) * blue[:, None, None])[None]
    again = F.avg_pool2d(compact.upscale(small), 4)
    assert (again - small).abs().mean() < 0.02


def test_an_edge_is_sharper_than_a_bicubic_one(compact):
    small = torch.zeros(1, 3, 24, 24)
    small[..., 12:] = 1.0
    small = F.avg_pool2d(F.interpolate(small, scale_factor=2.0, mode="bicubic").clamp(0, 1), 2)
    steepest = [
        large[0, 1, 48].diff().abs().max()
        for large in (compact.upscale(small), F.interpolate(small, scale_factor=4.0, mode="bicubic"))
    ]
    assert steepest[0] > 1.3 * steepest[1]


def test_tiles_equal_the_whole(compact):
    image = picture(50, 90)
    whole = compact.upscale(image, tile=200)
    torch.testing.assert_close(compact.upscale(image, tile=32), whole, rtol=0, atol=1e-5)


def test_a_short_overlap_spoils_only_what_lies_near_a_seam(compact):
    image = torch.rand(1, 3, 64, 64, generator=torch.Generator().manual_seed(1))
    whole = compact.upscale(image, tile=64)
    tiled = compact.upscale(image, tile=32, overlap=6)
    difference = (tiled - whole).abs().amax(dim=(0, 1))  # (256, 256)
    reach = 4 * (upscaler.COMPACT_OVERLAP - 6)
    near = torch.zeros(256, dtype=torch.bool)
    near[128 - reach : 128 + reach] = True
    interior = ~(near[:, None] | near[None, :])
    assert difference[interior].max() < 1e-4
    assert difference.max() > 1e-3


def test_a_picture_does_not_depend_on_its_company(compact):
    images = picture(20, 20, batch=3)
    together = compact.upscale(images)
    for index in range(3):
        assert torch.equal(compact.upscale(images[index : index + 1])[0], together[index])


def test_no_tile_is_larger_than_asked(compact, monkeypatch):
    seen = []
    forward = compact.network.forward
    monkeypatch.setattr(compact.network, "forward", lambda part: seen.append(part.shape) or forward(part))
    compact.upscale(picture(70, 33), tile=16, overlap=4)
    assert len(seen) == 5 * 3
    assert all(shape[0] == 1 and max(shape[2:]) <= 16 + 2 * 4 for shape in seen)


@pytest.mark.parametrize(("size", "tile"), [(1, 128), (128, 128), (129, 128), (1000, 64)])
def test_spans_cover_everything_once_in_even_parts(size, tile):
    spans = list(upscaler._spans(size, tile))
    assert spans[0][0] == 0
    assert spans[-1][1] == size
    assert all(first[1] == second[0] for first, second in pairwise(spans))
    lengths = [end - start for start, end in spans]
    assert max(lengths) <= tile
    assert max(lengths) - min(lengths) <= 1


def test_a_dense_block_with_zero_weights_changes_nothing():
    block = DenseBlock()
    for parameter in block.parameters():
        parameter.data.zero_()
    x = torch.rand(1, 64, 5, 5)
    assert torch.equal(block(x), x)
    block.convolutions[-1].bias.data.fill_(1.0)
    torch.testing.assert_close(block(x), x + 0.2)


def test_the_creative_network_is_found_in_a_folder(tmp_path):
    network = Creative()
    for parameter in network.parameters():
        parameter.data.zero_()
    network.tail.bias.data.copy_(torch.tensor([0.25, 0.5, 2.0]))
    save_file(
        {name: tensor.half() for name, tensor in network.state_dict().items()},
        tmp_path / "upscaler-creative.safetensors",
    )
    large = Upscaler.load(tmp_path, kind="creative").upscale(torch.rand(1, 3, 8, 8))
    assert large.shape == (1, 3, 32, 32)
    assert large[0, :, 5, 5].tolist() == [0.25, 0.5, 1.0]


def test_a_creative_network_that_is_not_installed_is_explained(tmp_path):
    with pytest.raises(WeightsError, match=r"creative upscaler is not installed.*--creative --out FOLDER"):
        Upscaler.load(tmp_path, kind="creative")


def test_an_unknown_kind_is_refused():
    with pytest.raises(WeightsError, match="there are compact, creative"):
        Upscaler.load(kind="photographic")


def test_damaged_weights_are_named(tmp_path):
    path = tmp_path / "upscaler.safetensors"
    path.write_bytes(b"nothing")
    with pytest.raises(WeightsError, match="does not hold the compact upscaler"):
        Upscaler.load(tmp_path)
    save_file({"convolutions.0.weight": torch.zeros(1)}, path)
    with pytest.raises(WeightsError, match="does not hold the compact upscaler"):
        Upscaler.load(tmp_path)


def test_the_file_says_where_it_comes_from():
    with safe_open(upscaler.WEIGHTS_FOLDER / "upscaler.safetensors", framework="pt") as stored:
        about = stored.metadata()
    assert about["licence"] == "BSD-3-Clause"
    assert len(about["source_sha256"]) == 64
