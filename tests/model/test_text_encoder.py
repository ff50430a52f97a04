"""The text encoder on the weights that ship with the package."""

import json
import shutil
from pathlib import Path

import pytest
import torch
import torch.nn.functional as F
from safetensors import safe_open
from safetensors.torch import save_file

from darkroom.core.errors import WeightsError
from darkroom.model import text_encoder
from darkroom.model.text_encoder import TEXT_TOKENS, TextEncoder

GOLDEN = Path(__file__).with_name("text_encoder_golden.safetensors")
START, END, PADDING = 101, 102, 0


@pytest.fixture(scope="module")
def encoder() -> TextEncoder:
    return TextEncoder.load()


def test_agrees_with_an_independent_implementation_of_the_original(encoder):
    with safe_open(GOLDEN, framework="pt") as golden:
        texts = json.loads(golden.metadata()["texts"])
        ids, vectors = golden.get_tensor("ids"), golden.get_tensor("vectors").float()
    own_ids, mask = encoder.tokenize(texts, length=16)
    assert torch.equal(own_ids, ids.long())
    own_vectors, _ = encoder.encode(texts, length=16)
    assert F.cosine_similarity(own_vectors[mask], vectors[mask], dim=1).min() > 0.999


def test_shapes_and_dtypes(encoder):
    vectors, mask = encoder.encode(["a cat", "two dogs on a hill"], length=TEXT_TOKENS)
    assert vectors.shape == (2, 48, 384)
    assert vectors.dtype == torch.float32
    assert mask.dtype == torch.bool
    assert mask.sum(dim=1).tolist() == [4, 7]
    assert not vectors[~mask].any()


def test_a_text_does_not_depend_on_its_company(encoder):
    texts = ["a red fox", "", "the quick brown fox jumps over the lazy dog " * 8, "neon city"]
    together, _ = encoder.encode(texts, length=TEXT_TOKENS)
    for row, text in enumerate(texts):
        alone, _ = encoder.encode([text], length=TEXT_TOKENS)
        torch.testing.assert_close(together[row], alone[0], rtol=0, atol=2e-5)


def test_a_text_does_not_depend_on_the_length_it_is_padded_to(encoder):
    short, mask = encoder.encode(["a red fox"], length=8)
    long, long_mask = encoder.encode(["a red fox"], length=TEXT_TOKENS)
    torch.testing.assert_close(short[mask], long[long_mask], rtol=0, atol=2e-5)


def test_a_long_text_is_cut_but_keeps_its_end_mark(encoder):
    ids, mask = encoder.tokenize(["word " * 500], length=10)
    assert ids[0, 0] == START
    assert ids[0, -1] == END
    assert mask.all()


def test_an_empty_text_is_start_and_end(encoder):
    ids, mask = encoder.tokenize([""], length=4)
    assert ids.tolist() == [[START, END, PADDING, PADDING]]
    assert mask.tolist() == [[True, True, False, False]]


def test_case_does_not_matter_and_words_do(encoder):
    upper, lower, other = encoder.sentence(["A Red FOX", "a red fox", "a blue whale"])
    assert torch.equal(upper, lower)
    assert upper @ other < 0.8


@pytest.mark.parametrize("text", ["\ud800 lone", "x" * 1_000_000, "日本語 🦊", "\0\t\n"])
def test_any_text_is_taken(encoder, text):
    vectors, _ = encoder.encode([text], length=12)
    assert vectors.isfinite().all()


@pytest.mark.parametrize("length", [0, 1, 257])
def test_a_length_that_cannot_be_is_refused(encoder, length):
    with pytest.raises(ValueError, match="2 to 256"):
        encoder.tokenize(["a"], length=length)


def test_sentences_are_unit_vectors_that_rank_synonyms_first(encoder):
    words = ["puppy", "dog", "car", "banana"]
    vectors = encoder.sentence(words)
    assert vectors.shape == (4, 384)
    torch.testing.assert_close(vectors.norm(dim=1), torch.ones(4))
    assert (vectors[1:] @ vectors[0]).argmax() == 0
    assert vectors[1] @ vectors[0] > 0.75


def test_sentences_beyond_one_batch_keep_their_order(encoder, monkeypatch):
    words = ["cat", "a large dog", "bee", "sun", "red apple"]
    at_once = encoder.sentence(words)
    monkeypatch.setattr(text_encoder, "SENTENCE_BATCH", 2)
    torch.testing.assert_close(encoder.sentence(words), at_once, rtol=0, atol=2e-5)
    assert encoder.sentence([]).shape == (0, 384)


def test_nothing_is_trained(encoder):
    assert not encoder.training
    assert not any(parameter.requires_grad for parameter in encoder.parameters())


def test_missing_or_damaged_weights_are_named(tmp_path):
    with pytest.raises(WeightsError, match=r"tokenizer\.json"):
        TextEncoder.load(tmp_path)
    shutil.copy(text_encoder.WEIGHTS_FOLDER / "tokenizer.json", tmp_path)
    with pytest.raises(WeightsError, match=r"text-encoder\.safetensors"):
        TextEncoder.load(tmp_path)
    (tmp_path / "text-encoder.safetensors").write_bytes(b"not weights")
    with pytest.raises(WeightsError, match=r"text-encoder\.safetensors"):
        TextEncoder.load(tmp_path)
    save_file({"tokens.weight": torch.zeros(2, 2)}, tmp_path / "text-encoder.safetensors")
    with pytest.raises(WeightsError, match=r"text-encoder\.safetensors"):
        TextEncoder.load(tmp_path)
    (tmp_path / "tokenizer.json").write_text("{")
    with pytest.raises(WeightsError, match=r"tokenizer\.json"):
        TextEncoder.load(tmp_path)


def test_the_file_says_where_it_comes_from():
    with safe_open(text_encoder.WEIGHTS_FOLDER / text_encoder.WEIGHTS_FILE, framework="pt") as stored:
        about = stored.metadata()
    assert about["licence"] == "Apache-2.0"
    assert len(about["source_sha256"]) == 64
