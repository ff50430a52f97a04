"""Every row of the table of parameters: what it accepts, what it refuses, and what it is where it is not given."""

import pytest

from darkroom.core.params import Aspect, GenerationParams, Lane, Reference, VideoParams, Visibility
from darkroom.prompt import PARAMETERS, STORED, BatchLimits, parse
from darkroom.prompt.table import EXCLUSIVE, NAMES, NEEDS, Takes

LINK = "https://x.org/a.png"

WHOLE = [
    ("stylize", ("--stylize", "--s"), 0, 1000, ""),
    ("chaos", ("--chaos", "--c"), 0, 100, ""),
    ("weird", ("--weird", "--w"), 0, 3000, ""),
    ("seed", ("--seed",), 0, 4_294_967_295, ""),
    ("stop", ("--stop",), 10, 100, ""),
    ("style_weight", ("--sw",), 0, 1000, " --sref 1"),
    ("character_weight", ("--cw",), 0, 100, f" --cref {LINK}"),
    ("omni_weight", ("--ow",), 1, 1000, f" --oref {LINK}"),
    ("experimental", ("--exp",), 0, 100, ""),
]
SPELLINGS = [(field, name, low, high, needs) for field, names, low, high, needs in WHOLE for name in names]


@pytest.mark.parametrize(("field", "name", "low", "high", "needs"), SPELLINGS)
def test_a_whole_number_within_its_range(field, name, low, high, needs, one):
    for value in (low, high, (low + high) // 2):
        assert getattr(one(f"a {name} {value}{needs}"), field) == value
    assert getattr(one(f"a {name} 00{high}{needs}"), field) == high


@pytest.mark.parametrize(("field", "name", "low", "high", "needs"), SPELLINGS)
def test_a_whole_number_out_of_its_range(field, name, low, high, needs, refused):
    for value, words in (
        (low - 1, f"is below {low}"),
        (high + 1, f"is above {high}"),
        ("9" * 5000, "is above"),
    ):
        error = refused(f"a {name} {value}{needs}")
        assert (error.code, error.position) == ("invalid_parameter", 3)
        assert words in error.message
        assert error.hint.startswith(f"Use a whole number from {low} to {high}")


@pytest.mark.parametrize("value", ["abc", "1.5", "1e3", "٣", "random", "1,000", "0x10", "1_0", "--", '"7"'])
@pytest.mark.parametrize("name", ["--stylize", "--seed"])
def test_what_is_no_whole_number(name, value, refused):
    error = refused(f"a {name} {value}")
    assert (error.code, error.position) == ("invalid_parameter", 3)
    assert error.message.startswith(f"{name} {value} is not a whole number")


@pytest.mark.parametrize(
    "name", sorted(set(NAMES) - {p.names[0] for p in PARAMETERS if p.takes is Takes.FLAG})
)
def test_a_value_that_is_missing(name, refused, one):
    if NAMES[name].key in ("profile", "niji"):
        assert one(f"a --{name}")
    else:
        error = refused(f"a --{name}")
        assert (error.position, f"--{name} needs a value" in error.message) == (3, True)


@pytest.mark.parametrize(
    ("typed", "width", "height"),
    [
        ("16:9", 16, 9),
        ("32:18", 16, 9),
        ("14:1", 14, 1),
        ("1:14", 1, 14),
        ("007:07", 1, 1),
        (f"{10**15}:{10**15}", 1, 1),
    ],
)
def test_ratios_are_reduced(typed, width, height, one):
    assert (
        one(f"a --ar {typed}").aspect
        == one(f"a --aspect {typed}").aspect
        == Aspect(width=width, height=height)
    )


@pytest.mark.parametrize(
    ("typed", "hint"),
    [
        ("0:1", "Try --ar 1:1."),
        ("1:00", "Try --ar 1:1."),
        ("16x9", "Try --ar 16:9."),
        ("16/9", "Try --ar 16:9."),
        ("-1:2", "Try --ar 16:9."),
        ("1.5:1", "Try --ar 16:9."),
        ("wide", "Try --ar 16:9."),
        ("1:2:3", "Try --ar 16:9."),
        ("9" * 5000 + ":1", "Try --ar 16:9."),
    ],
)
def test_what_is_no_ratio(typed, hint, refused):
    error = refused(f"a --ar {typed}")
    assert (error.code, error.position, error.hint) == ("invalid_parameter", 3, hint)


def test_a_ratio_wider_than_the_model_draws_names_the_widest(refused):
    expected = (
        "--ar 20:1 is wider than 14:1, the widest that able-1 can draw (at character 17). Try --ar 14:1."
    )
    assert refused("a fox in a den. --ar 20:1").message == expected
    assert "taller than 1:3" in refused("a --ar 1:4 --v modest-1").message


def test_hd_narrows_the_ratio(one, refused):
    assert one("a --ar 4:1 --hd").hd
    assert refused("a --ar 5:1 --hd").hint == "Try --ar 4:1, or leave --hd away."


@pytest.mark.parametrize(
    ("typed", "value"), [("0.25", 0.25), (".25", 0.25), ("0.5", 0.5), ("1", 1), ("2.0", 2), ("4", 4)]
)
def test_quality_is_one_of_five(typed, value, one):
    assert one(f"a --quality {typed}").quality == one(f"a --q {typed}").quality == value


@pytest.mark.parametrize("typed", ["0", "3", "0.3", "nan", "-1", "high"])
def test_other_qualities_are_refused(typed, refused):
    assert refused(f"a --q {typed}").hint == "Use --quality 0.25, 0.5, 1, 2 or 4."


@pytest.mark.parametrize(
    ("typed", "value"), [("0", 0), ("3", 3), ("1.25", 1.25), (".5", 0.5), ("0.000001", 1e-6)]
)
def test_the_weight_of_images(typed, value, one):
    assert one(f"{LINK} a --iw {typed}").image_weight == value


@pytest.mark.parametrize("typed", ["3.1", "-1", "nan", "inf", "0.0000001", "1e0", "x", "9" * 400])
def test_a_weight_of_images_out_of_range(typed, refused):
    assert refused(f"{LINK} a --iw {typed}").hint == "Use a number from 0 to 3."


@pytest.mark.parametrize("flag", ["tile", "draft", "hd"])
def test_flags(flag, one):
    assert getattr(one(f"a --{flag}"), flag) is True
    assert getattr(one("a"), flag) is False


def test_sd_is_the_default_size_and_no_model_refuses_it(one):
    assert one("a --sd") == one("a")
    assert one("a --sd --v modest-1").hd is False


@pytest.mark.parametrize("typed", ["--raw", "--style raw", "--style RAW"])
def test_raw(typed, one):
    assert one(f"a {typed}").raw


def test_other_styles_are_refused(refused):
    assert refused("a --style cute").hint == "Use --style raw."


@pytest.mark.parametrize(
    ("typed", "profile"), [("", None), ("--p", ""), ("--profile ab_1-2", "ab_1-2"), ("--p --raw", "")]
)
def test_profiles(typed, profile, one):
    assert one(f"a {typed}").profile == profile


def test_a_profile_that_is_no_id(refused):
    assert "is not an id" in refused("a --p a/b").message


@pytest.mark.parametrize("lane", list(Lane))
def test_lanes(lane, one):
    assert one(f"a --{lane}").lane is lane


@pytest.mark.parametrize("visibility", list(Visibility))
def test_visibilities(visibility, one):
    assert one(f"a --{visibility}").visibility is visibility


@pytest.mark.parametrize(
    ("typed", "references"),
    [
        ("123", (Reference(source="123"),)),
        ("007 0", (Reference(source="7"), Reference(source="0"))),
        (
            f"{LINK}::2 4294967295::0.5",
            (Reference(source=LINK, weight=2.0), Reference(source="4294967295", weight=0.5)),
        ),
        ("upload:ab-1::.5", (Reference(source="upload:ab-1", weight=0.5),)),
        ("https://x.org/a::b", (Reference(source="https://x.org/a::b"),)),
    ],
)
def test_style_references(typed, references, one):
    assert one(f"a --sref {typed}").style_references == references


@pytest.mark.parametrize(
    "typed", ["oil", "4294967296", "9" * 5000, "1::0", "1::-1", "1::", "1::1.2.3", "1::99999", "::2"]
)
def test_style_references_that_are_refused(typed, refused):
    error = refused(f"a --sref {typed}")
    assert (error.code, error.position in (3, 10)) == ("invalid_parameter", True)


def test_a_random_style_is_resolved_for_each_job_and_stored(catalogue):
    codes = iter([11, 12, 13, 14])
    jobs = parse(
        "a --sref random::2 RANDOM --repeat 2 --seed 1", catalogue=catalogue, new_seed=lambda: next(codes)
    )
    assert [[style.source for style in job.style_references] for job in jobs] == [["11", "12"], ["13", "14"]]
    assert jobs[0].style_references[0].weight == 2
    (job,) = parse("a --sref random", catalogue=catalogue)
    assert 0 <= int(job.style_references[0].source) <= 4_294_967_295


@pytest.mark.parametrize(("name", "field"), [("cref", "character_references"), ("oref", "omni_references")])
def test_character_and_omni_references(name, field, one, refused):
    assert getattr(one(f"a --{name} {LINK} upload:b"), field) == (
        Reference(source=LINK),
        Reference(source="upload:b"),
    )
    assert refused(f"a --{name} 123").code == "invalid_link"
    assert "has a weight" in refused(f"a --{name} {LINK}::2").message


def test_films(one):
    assert one(f"{LINK} --video").video == VideoParams()
    film = one(f"{LINK} a --video --motion HIGH --end {LINK} --bs 2").video
    assert film == VideoParams(motion="high", end=LINK, batch=2)
    assert one(f"{LINK} a --video --loop").video == VideoParams(loop=True)


@pytest.mark.parametrize("typed", ["--motion fast", "--bs 3", "--end here", "--loop 2"])
def test_films_that_are_refused(typed, refused):
    assert refused(f"{LINK} a --video {typed}").code in ("invalid_parameter", "invalid_link")


def test_repeats_have_seeds_of_their_own_that_follow_from_the_first(catalogue):
    seeds = [job.seed for job in parse("a --repeat 3 --seed 4294967294", catalogue=catalogue)]
    assert seeds == [4_294_967_294, 4_294_967_295, 0]
    fresh = iter(range(5, 9))
    assert [job.seed for job in parse("a --r 3", catalogue=catalogue, new_seed=lambda: next(fresh))] == [
        5,
        6,
        7,
    ]


def test_repeats_without_a_seed_are_told_apart_by_one_each(catalogue):
    seeds = [job.seed for job in parse("a --r 5", catalogue=catalogue)]
    assert None not in seeds and len(set(seeds)) > 1
    assert [job.seed for job in parse("{a, b}", catalogue=catalogue)] == [None, None]


def test_a_model_that_takes_no_seed_is_given_none(catalogue):
    (job,) = parse("a --v modest-1", catalogue=catalogue, new_seed=lambda: 5)
    assert job.seed is None


@pytest.mark.parametrize(
    ("limits", "text", "code"),
    [
        (BatchLimits(), "a --repeat 41", "invalid_parameter"),
        (BatchLimits(), "{a, b} --repeat 21", "invalid_parameter"),
        (BatchLimits(jobs=4, plan="Basic"), "a --repeat 5", "plan_required"),
        (BatchLimits(jobs=10, plan="Standard"), "{a,b}{a,b}{a,b}{a,b}", "plan_required"),
        (STORED, "a" + "{b,c,d}" * 9_200, "invalid_parameter"),
        (BatchLimits(), "a --repeat 1", "invalid_parameter"),
        (BatchLimits(), "a --repeat 1001", "invalid_parameter"),
        (BatchLimits(), "a --repeat 2 --relax", "batch_not_in_relax"),
        (BatchLimits(), "{a, b} --relax", "batch_not_in_relax"),
        (BatchLimits(), "a --{relax, fast}", "batch_not_in_relax"),
    ],
)
def test_batches_that_are_refused(limits, text, code, refused):
    assert refused(text, limits).code == code


def test_batches_at_their_cap(catalogue):
    assert len(parse("{a, b} --repeat 20", catalogue=catalogue)) == 40
    assert len(parse("a --repeat {2, 3}", catalogue=catalogue, limits=BatchLimits(jobs=5))) == 5
    assert len(parse("a --relax", catalogue=catalogue)) == 1


def test_the_defaults_of_the_table_are_the_defaults_of_a_job(one):
    assert one("a") == GenerationParams(parts=one("a").parts, model="able-1")
    plain = GenerationParams(parts=(), model="")
    for parameter in PARAMETERS:
        if parameter.takes in (Takes.INTEGER, Takes.DECIMAL) and parameter.default.isdigit():
            assert getattr(plain, parameter.key) == int(parameter.default)


def test_the_table_is_of_one_piece():
    keys = {parameter.key for parameter in PARAMETERS}
    assert len(NAMES) == sum(len(parameter.names) for parameter in PARAMETERS)
    assert set(NEEDS) | set(NEEDS.values()) | {key for group in EXCLUSIVE for key in group} <= keys
    assert all(parameter.example.split()[0] == parameter.name for parameter in PARAMETERS)


@pytest.mark.parametrize("parameter", PARAMETERS, ids=lambda parameter: parameter.name)
def test_every_example_of_the_table_is_right(parameter, catalogue):
    needed = {
        "style_weight": "--sref 1",
        "character_weight": f"--cref {LINK}",
        "omni_weight": f"--oref {LINK}",
    }
    needs = "--video" if NEEDS.get(parameter.key) == "video" else needed.get(parameter.key, "")
    text = f"{LINK} a {needs} {parameter.example}".replace("--v mini-1", "--v able-1")
    assert parse(text, catalogue=catalogue)
