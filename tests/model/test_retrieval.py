"""The exemplar bank: what it finds in a prompt, what it leaves alone, and what it gives back."""

import pytest
import torch
from safetensors import safe_open
from safetensors.torch import save_file

from darkroom.core.errors import ModelError, WeightsError
from darkroom.model import phrases
from darkroom.model.retrieval import LEAST_COSINE, Bank
from darkroom.model.text_encoder import TextEncoder

NAMES = {
    "dog": ["dogs", "hound"],
    "cat": ["cats", "kitten"],
    "car": ["cars", "sedan"],
    "sailboat": ["sailboats", "yacht", "sailing boat"],
    "ship": ["ships", "boat"],
    "chick": ["chicks", "baby bird"],
    "horse": ["horses", "pony"],
    "apple": ["apples", "red apple"],
    "hot dog": ["hot dogs", "sausage in a bun"],
    "pencil": ["pencils"],
    "star": ["stars"],
    "candy": ["candies", "sweet"],
    "maple leaf": ["maple leaves", "autumn leaf"],
    "chair": ["chairs", "wooden chair"],
    "pine tree": ["pine trees", "fir"],
    "jack-o-lantern": ["jack-o-lanterns", "carved pumpkin"],
    "snowman": ["snowmen"],
    "sneaker": ["sneakers", "running shoe"],
}
SHAPE = (4, 3, 2)
LICENCES = {"fluent-3d": "MIT", "noto": "Apache-2.0", "twemoji": "CC-BY-4.0"}


def latent(seed: int) -> torch.Tensor:
    return torch.randn(SHAPE, generator=torch.Generator().manual_seed(seed))


@pytest.fixture(scope="module")
def text() -> TextEncoder:
    return TextEncoder.load()


@pytest.fixture(scope="module")
def bank(text) -> Bank:
    entries = [("dog", "twemoji", latent(1)), ("dog", "fluent-3d", latent(2)), ("cat", "noto", latent(3))]
    entries += [(name, "noto", latent(9)) for name in NAMES if name not in ("dog", "cat", "sneaker")]
    return Bank.build(
        names=NAMES,
        entries=entries,
        text=text,
        licences=LICENCES,
        scenery=["in front of pine trees", "in the snow"],
    )


def concepts(bank, text, prompt, **limit) -> list[str]:
    return [match.concept for match in bank.find(prompt, text, **limit)]


@pytest.mark.parametrize(
    ("prompt", "expected"),
    [
        ("a dog", ["dog"]),
        ("TWO DOGS", ["dog"]),
        ("a cat and a dog", ["cat", "dog"]),
        ("a dog, a kitten, another dog", ["dog", "cat"]),
        ("a hot dog next to a dog", ["hot dog", "dog"]),
        ("jack o lanterns on a porch", ["jack-o-lantern"]),
        ("the dog's apple", ["dog", "apple"]),
        ("three ponies", ["horse"]),
        ("sailing boats at dawn", ["sailboat"]),
        ("a sail boat and a boat", ["sailboat", "ship"]),
    ],
)
def test_names_are_found_word_by_word(bank, text, prompt, expected):
    assert concepts(bank, text, prompt) == expected
    assert all(match.score == 1.0 for match in bank.find(prompt, text))


@pytest.mark.parametrize(
    ("phrase", "concept"),
    [
        ("puppy", "dog"),
        ("poodle", "dog"),
        ("kitty", "cat"),
        ("automobile", "car"),
        ("little bird", "chick"),
        ("stallion", "horse"),
        ("rocking chair", "chair"),
    ],
)
def test_synonyms_are_found_by_meaning(bank, text, phrase, concept):
    named = {phrases.key_of(name) for names in NAMES.values() for name in names}
    assert phrases.key_of(phrase) not in named
    assert concepts(bank, text, f"a {phrase} at sunset") == [concept]


@pytest.mark.parametrize(
    "prompt",
    ["happiness", "democracy", "sunset", "background", "mountains", "running", "a forest in autumn", "stones", "a wizard",
     "the king and the queen", "snowfall", "freedom of thought", "city skyline at night", "watercolour", "wooden table",
     "an astronaut sleeping", "red and blue", "", "🦊", "the morning after the storm"],
)  # fmt: skip
def test_nothing_is_found_where_nothing_is_named(bank, text, prompt):
    assert concepts(bank, text, prompt) == []


@pytest.mark.parametrize(
    "prompt",
    [
        "pencil drawing of a dog",
        "a dog in front of pine trees",
        "a dog under the stars",
        "a sweet dog",
        "comic book style, a dog",
    ],
)
def test_a_name_that_does_not_ask_for_the_thing_is_passed_over(bank, text, prompt):
    assert concepts(bank, text, prompt) == ["dog"]


def test_the_same_names_are_found_where_they_do(bank, text):
    assert concepts(bank, text, "a pencil, a star and a pine tree") == ["pencil", "star", "pine tree"]


def test_matches_say_where_they_are(bank, text):
    prompt = "Grandma's little Kitty near two hot-dogs"
    matches = bank.find(prompt, text)
    assert [(match.concept, match.phrase) for match in matches] == [("cat", "Kitty"), ("hot dog", "hot-dogs")]
    assert all(prompt[match.start : match.end] == match.phrase for match in matches)
    assert LEAST_COSINE <= matches[0].score < 1.0
    assert matches[1].score == 1.0


def test_the_limit_prefers_names_and_then_the_first(bank, text):
    assert concepts(bank, text, "a puppy, a car, a cat and a horse", limit=3) == ["car", "cat", "horse"]
    assert concepts(bank, text, "a car, a cat, a horse and an apple", limit=2) == ["car", "cat"]
    assert concepts(bank, text, "a puppy and a car", limit=2) == ["dog", "car"]


def test_a_long_prompt_costs_a_bounded_number_of_look_ups(bank, text, monkeypatch):
    asked = []
    sentence = TextEncoder.sentence
    monkeypatch.setattr(
        TextEncoder, "sentence", lambda self, texts: asked.extend(texts) or sentence(self, texts)
    )
    bank.find("zeppelin, quasar, yodel, kumquat, " * 100, text)
    assert 0 < len(asked) <= 16


def test_latents_come_back_nearly_as_they_were(bank):
    restored = bank.exemplar("dog", "twemoji")
    assert restored.dtype == torch.float32
    torch.testing.assert_close(restored, latent(1), rtol=0, atol=0.02)


def test_an_art_set_that_is_missing_gives_way_to_the_nearest(bank):
    assert torch.equal(bank.exemplar("dog", None), bank.exemplar("dog", "fluent-3d"))
    assert torch.equal(bank.exemplar("dog", "fluent-flat"), bank.exemplar("dog", "twemoji"))
    assert torch.equal(bank.exemplar("dog", "a set of tomorrow"), bank.exemplar("dog", "fluent-3d"))
    torch.testing.assert_close(bank.exemplar("cat", "fluent-3d"), latent(3), rtol=0, atol=0.02)


def test_a_concept_without_an_exemplar_is_named(bank):
    with pytest.raises(ModelError, match="'sneaker'"):
        bank.exemplar("sneaker", None)


@pytest.mark.parametrize(
    ("prompt", "art_set"),
    [("a dog, 3D render", "fluent-3d"), ("flat vector dog", "fluent-flat"), ("clip-art of a dog", "fxemoji"),
     ("glossy clip art of a dog", "emojione"), ("cartoon dog, sticker", "noto"), ("a dog", None), ("a flat dog", None)],
)  # fmt: skip
def test_style_words_choose_the_art_set(bank, prompt, art_set):
    assert bank.art_set_for(prompt) == art_set


def test_a_bank_survives_its_file(bank, text, tmp_path):
    first, second = tmp_path / "bank.safetensors", tmp_path / "again.safetensors"
    bank.save(first)
    loaded = Bank.load(first)
    assert loaded.contents == bank.contents
    assert torch.equal(loaded.exemplar("cat", "noto"), bank.exemplar("cat", "noto"))
    prompt = "a puppy and a red apple in the snow, 3d"
    assert loaded.find(prompt, text) == bank.find(prompt, text)
    assert loaded.art_set_for(prompt) == "fluent-3d"
    loaded.save(second)
    assert first.read_bytes() == second.read_bytes()
    assert sorted(tmp_path.iterdir()) == [second, first]


def test_a_file_that_is_no_bank_is_named(tmp_path):
    with pytest.raises(WeightsError, match="nowhere"):
        Bank.load(tmp_path / "nowhere.safetensors")
    path = tmp_path / "other.safetensors"
    save_file({"a": torch.zeros(1)}, path)
    with pytest.raises(WeightsError, match="no exemplar bank of the format"):
        Bank.load(path)
    path.write_bytes(b"nothing")
    with pytest.raises(WeightsError, match=r"other\.safetensors"):
        Bank.load(path)


@pytest.mark.parametrize(
    "document",
    ["[]", "[" * 100_000, '{"format": "darkroom-bank-1"}', '{"format": "darkroom-bank-1", "concepts": 3}'],
    ids=["a list", "a deep nest", "no lists", "a number for a list"],
)
def test_a_damaged_bank_is_named(document, tmp_path):
    path = tmp_path / "bank.safetensors"
    save_file({"a": torch.zeros(1)}, path, metadata={"bank": document})
    with pytest.raises(WeightsError, match=r"bank\.safetensors"):
        Bank.load(path)


def test_a_bank_without_its_tensors_is_named(bank, tmp_path):
    path = tmp_path / "bank.safetensors"
    bank.save(path)
    with safe_open(path, framework="pt") as stored:
        metadata = stored.metadata()
        tensors = {name: stored.get_tensor(name) for name in stored.keys()}  # noqa: SIM118
    save_file({**tensors, "name_scales": torch.zeros(3, 1)}, path, metadata=metadata)
    with pytest.raises(WeightsError, match="damaged"):
        Bank.load(path)
    del tensors["name_concept"]
    save_file(tensors, path, metadata=metadata)
    with pytest.raises(WeightsError, match="damaged"):
        Bank.load(path)
