"""The text encoder on ONNX Runtime beside the same encoder on torch."""

import shutil
import subprocess
import sys

import pytest

from darkroom.classifiers import text as module
from darkroom.classifiers.text import WEIGHTS_FOLDER, OnnxTextEmbedder
from darkroom.core.errors import ModerationUnavailable

TEXTS = [
    "a red fox in the snow",
    "puppy",
    "",
    "a watercolour of a harbour at dawn, boats, mist, soft light, a lighthouse far away",
    "ein roter Fuchs",
    "cat?!",
    "lone \ud800 surrogate",
    "word " * 100,
]


@pytest.fixture(scope="module")
def embedder():
    return OnnxTextEmbedder.load()


def dot(one, other):
    return sum(a * b for a, b in zip(one, other))


def test_agrees_with_the_torch_encoder(embedder):
    from darkroom.model.text_encoder import TextEncoder

    theirs = TextEncoder.load().sentence(TEXTS).tolist()
    for text, ours, wanted in zip(TEXTS, embedder.embed(TEXTS), theirs):
        # The empty text is three marks around nothing; its vector feels the rounding most, and it is never checked.
        assert dot(ours, wanted) > (0.999 if text else 0.998), text


def test_vectors_have_unit_length(embedder):
    for vector in embedder.embed(TEXTS):
        assert len(vector) == 384
        assert dot(vector, vector) == pytest.approx(1, abs=1e-5)


def test_a_text_does_not_depend_on_its_company(embedder):
    alone = OnnxTextEmbedder.load(cached=0)
    for text, vector in zip(TEXTS, embedder.embed(TEXTS)):
        assert dot(vector, alone.embed([text])[0]) > 0.9999, text


def test_keeps_the_order_and_the_repetitions(embedder):
    fox, cat, again = embedder.embed(["a red fox", "cat", "a red fox"])
    assert fox == again
    assert fox != cat
    assert embedder.embed([]) == []


def test_likeness_is_likeness_in_meaning(embedder):
    puppy, dog, bank = embedder.embed(["a puppy", "a young dog", "a bank account"])
    assert dot(puppy, dog) > dot(puppy, bank) + 0.3


class Counted:
    def __init__(self, session):
        self.session = session
        self.runs = 0

    def run(self, inputs):
        self.runs += 1
        return self.session.run(inputs)


def test_a_repeated_text_is_not_run_again_until_it_is_forgotten():
    embedder = OnnxTextEmbedder.load(cached=2)
    embedder._session = counted = Counted(embedder._session)
    embedder.embed(["one"])
    embedder.embed(["one"])
    assert counted.runs == 1
    embedder.embed(["two", "three"])
    assert counted.runs == 2
    embedder.embed(["one"])
    assert counted.runs == 3


def test_many_texts_are_split_into_runs():
    embedder = OnnxTextEmbedder.load()
    embedder._session = counted = Counted(embedder._session)
    assert len(embedder.embed([f"number {i}" for i in range(module.BATCH + 1)])) == module.BATCH + 1
    assert counted.runs == 2


def test_a_missing_or_damaged_file_is_unavailable(tmp_path):
    with pytest.raises(ModerationUnavailable, match=r"No text encoder can be read from"):
        OnnxTextEmbedder.load(tmp_path)
    for name in (module.WEIGHTS_FILE, module.TOKENIZER_FILE):
        for each in (module.WEIGHTS_FILE, module.TOKENIZER_FILE):
            shutil.copy(WEIGHTS_FOLDER / each, tmp_path / each)
        (tmp_path / name).write_bytes(b"{ not what it should be")
        with pytest.raises(ModerationUnavailable):
            OnnxTextEmbedder.load(tmp_path)


def test_a_failing_runtime_is_unavailable():
    class Broken:
        def run(self, inputs):
            raise RuntimeError("out of memory")

    embedder = OnnxTextEmbedder.load()
    embedder._session = Broken()
    with pytest.raises(ModerationUnavailable, match="out of memory"):
        embedder.embed(["a red fox"])


def test_numbers_that_are_none_are_unavailable():
    """A likeness that is no number is below every threshold, so it would let everything through."""
    embedder = OnnxTextEmbedder.load()
    scales = embedder._weights["tokens.weight.scale"].copy()
    scales[embedder._tokens_of("zebra")[1]] = float("nan")
    embedder._weights["tokens.weight.scale"] = scales
    assert embedder.embed(["a horse"])
    with pytest.raises(ModerationUnavailable, match="damaged"):
        embedder.embed(["a zebra"])


def test_a_word_that_has_no_row_is_unavailable():
    embedder = OnnxTextEmbedder.load()
    rows = embedder._tokens_of("zebra")[1]
    for name in ("tokens.weight", "tokens.weight.scale"):
        embedder._weights[name] = embedder._weights[name][:rows]
    with pytest.raises(ModerationUnavailable):
        embedder.embed(["a zebra"])


def test_no_torch_comes_with_the_classifiers():
    code = (
        "import sys, darkroom.classifiers.text, darkroom.classifiers.pixels; sys.exit('torch' in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
