"""The picture classifier on the model that its package carries."""

import random
import urllib.request

import pytest
from PIL import Image, ImageDraw

from darkroom.classifiers.pixels import NsfwScorer, OnDemandScorer
from darkroom.core.errors import ModerationUnavailable


@pytest.fixture(scope="module")
def scorer():
    return NsfwScorer.load()


def score(scorer, image):
    return scorer.score(image.width, image.height, image.tobytes())


def test_scores_a_harmless_drawing_low(scorer):
    image = Image.new("RGB", (256, 256), (90, 160, 220))
    drawing = ImageDraw.Draw(image)
    drawing.rectangle((0, 170, 256, 256), fill=(70, 150, 60))
    drawing.ellipse((90, 90, 170, 170), fill=(220, 30, 40))
    scores = score(scorer, image)
    assert set(scores) == {"nsfw"}
    assert 0 <= scores["nsfw"] < 0.2


def test_rows_and_colours_are_read_in_order(scorer):
    image = Image.new("RGB", (64, 32), (230, 180, 150))
    flipped = Image.frombytes("RGB", (64, 32), image.tobytes()[::-1])  # BGR
    assert abs(score(scorer, image)["nsfw"] - score(scorer, flipped)["nsfw"]) > 0.01


def test_any_size_will_do(scorer):
    for size in ((1, 1), (7, 300), (512, 288)):
        assert 0 <= score(scorer, Image.new("RGB", size, (10, 20, 30)))["nsfw"] <= 1


def test_the_same_picture_scores_the_same(scorer):
    noise = Image.frombytes("RGB", (64, 64), random.Random(3).randbytes(64 * 64 * 3))
    assert score(scorer, noise) == score(scorer, noise)


@pytest.mark.parametrize(("width", "height", "size"), [(4, 4, 47), (4, 4, 0), (0, 4, 0), (-4, -4, 48)])
def test_what_is_no_picture_is_not_scored(scorer, width, height, size):
    with pytest.raises(ModerationUnavailable, match="no picture"):
        scorer.score(width, height, bytes(size))


def test_a_missing_or_damaged_model_is_unavailable_and_nothing_is_fetched(tmp_path, monkeypatch):
    def never(*args, **kwargs):
        raise AssertionError("a model was fetched")

    monkeypatch.setattr(urllib.request, "urlopen", never)
    with pytest.raises(ModerationUnavailable, match="cannot be loaded"):
        NsfwScorer.load(tmp_path / "gone.onnx")
    (tmp_path / "damaged.onnx").write_bytes(b"not a model")
    with pytest.raises(ModerationUnavailable, match="cannot be loaded"):
        NsfwScorer.load(tmp_path / "damaged.onnx")


def test_a_failing_runtime_is_unavailable():
    class Broken:
        def classify(self, image):
            raise RuntimeError("the runtime fell over")

    with pytest.raises(ModerationUnavailable, match="the runtime fell over"):
        NsfwScorer(Broken()).score(1, 1, bytes(3))


def test_on_demand_nothing_is_loaded_before_the_first_picture():
    loaded = []

    class Scorer:
        def score(self, width, height, rgb):
            return {"nsfw": 0.5}

    def load():
        loaded.append(1)
        if len(loaded) == 1:
            raise ModerationUnavailable
        return Scorer()

    scorer = OnDemandScorer(load)
    assert loaded == []
    with pytest.raises(ModerationUnavailable):
        scorer.score(1, 1, bytes(3))
    assert [scorer.score(1, 1, bytes(3)) for _ in range(3)] == [{"nsfw": 0.5}] * 3
    assert len(loaded) == 2


def test_on_demand_says_what_the_scorer_says(scorer):
    assert OnDemandScorer().score(8, 8, bytes(192)) == scorer.score(8, 8, bytes(192))
