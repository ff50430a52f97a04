"""Pictures: repeatable, right at every size and shape, and showing what the scene says."""

from dataclasses import replace

import cv2
import numpy as np
import pytest
from click.testing import CliRunner
from PIL import Image

from darkroom.train.composer import PALETTE, PLACES, ObjectSpec, SceneSpec, Split, render, sample_spec
from darkroom.train.composer.__main__ import main
from darkroom.train.composer.filters import STYLES
from darkroom.train.composer.places import Setting
from darkroom.train.composer.sky import TIMES, sky_features
from darkroom.train.composer.weather import WEATHERS

FOX = (ObjectSpec(concept="fox"),)
PLACES_AND_TIMES = [(place, time) for place in PLACES for time in dict.fromkeys(PLACES[place].times)]


def scene(**rest) -> SceneSpec:
    return SceneSpec(**{"seed": 2, "objects": FOX, "place": "meadow", "time": "day", **rest})


def backdrop_for(place: str) -> tuple[str, ...]:
    return {Setting.STUDIO: ("red", "blue"), Setting.INDOOR: ("teal",)}.get(PLACES[place].setting, ())


@pytest.mark.parametrize(("place", "time"), PLACES_AND_TIMES)
def test_every_place_and_time_at_extreme_shapes(drawn_atlas, place, time):
    spec = scene(place=place, time=time, backdrop=backdrop_for(place))
    for width, height in ((128, 32), (32, 128), (64, 64), (70, 33)):
        image = render(spec, drawn_atlas, width=width, height=height)
        assert image.shape == (height, width, 3) and image.dtype == np.uint8
        assert image.std() > 8, "nothing is to be seen"


def test_the_same_scene_is_the_same_picture(drawn_atlas):
    rng = np.random.default_rng(11)
    for _ in range(25):
        spec = sample_spec(rng, drawn_atlas, split=Split.TRAIN)
        first = render(spec, drawn_atlas, width=64, height=48)
        assert np.array_equal(first, render(replace(spec), drawn_atlas, width=64, height=48))
        other = render(replace(spec, seed=spec.seed + 1), drawn_atlas, width=64, height=48)
        assert not np.array_equal(first, other)


@pytest.mark.parametrize("place", PLACES)
def test_a_scene_looks_alike_at_64_and_128(drawn_atlas, place):
    time = PLACES[place].times[0]
    for seed in range(3):
        spec = scene(seed=seed, place=place, time=time, backdrop=backdrop_for(place))
        small = render(spec, drawn_atlas, width=64, height=64).astype(np.float32)
        large = cv2.resize(
            render(spec, drawn_atlas, width=128, height=128), (64, 64), interpolation=cv2.INTER_AREA
        )
        near = np.abs(cv2.blur(small, (3, 3)) - cv2.blur(large.astype(np.float32), (3, 3)))
        assert near.mean() < 7.5, f"{near.mean():.1f} levels apart on average"
        assert np.abs(cv2.blur(small, (5, 5)) - cv2.blur(large.astype(np.float32), (5, 5))).max() < 70


@pytest.mark.parametrize("style", STYLES)
def test_a_style_looks_alike_at_64_and_128(drawn_atlas, style):
    spec = scene(style=style)
    small = render(spec, drawn_atlas, width=64, height=64).astype(np.float32)
    large = cv2.resize(
        render(spec, drawn_atlas, width=128, height=128), (64, 64), interpolation=cv2.INTER_AREA
    )
    assert np.abs(cv2.blur(small, (7, 7)) - cv2.blur(large.astype(np.float32), (7, 7))).mean() < 9


@pytest.mark.parametrize(("first", "second"), [(a, b) for i, a in enumerate(TIMES) for b in TIMES[i + 1 :]])
def test_times_of_day_look_different(drawn_atlas, first, second):
    spec = scene(objects=())
    one, two = (
        render(replace(spec, time=t), drawn_atlas, width=48, height=48).astype(int) for t in (first, second)
    )
    assert np.abs(one - two).mean() > 12


def test_nights_are_dark_and_only_they_have_a_moon(drawn_atlas):
    day, night = (render(scene(time=t), drawn_atlas, width=64, height=64).mean() for t in ("day", "night"))
    assert night < 0.6 * day
    for seed in range(40):
        features = {time: sky_features(scene(seed=seed, time=time)) for time in ("", *TIMES)}
        assert not any(seen.moon for time, seen in features.items() if time != "night")
        assert not any(features[time].sun for time in ("", "night", "dusk", "storm"))
        assert not any(seen.stars for time, seen in features.items() if time not in ("night", "dusk"))


@pytest.mark.parametrize("time", ["day", "sunset", "dawn"])
@pytest.mark.parametrize("place", ["meadow", "mountains", "forest", "city", "street", "volcano"])
def test_a_sun_that_captions_may_name_is_to_be_seen(drawn_atlas, place, time):
    seeds = [seed for seed in range(30) if sky_features(scene(seed=seed, time=time)).sun][:6]
    seen = 0
    for seed in seeds:
        image = render(scene(seed=seed, place=place, time=time), drawn_atlas, width=96, height=96).astype(int)
        bright = (image[:60, :, 0] > 225) & (image[:60, :, 1] > 200) & (image[:60, :, 2] < 225)
        seen += bright.sum() > 25
    assert seen >= len(seeds) - 1


@pytest.mark.parametrize("weather", WEATHERS)
def test_weather_shows(drawn_atlas, weather):
    dry = render(scene(), drawn_atlas, width=64, height=64).astype(int)
    assert (
        np.abs(render(scene(weather=weather), drawn_atlas, width=64, height=64).astype(int) - dry).mean() > 8
    )


def test_the_thing_fills_its_part_of_the_frame(drawn_atlas):
    for place in ("studio", "meadow", "space", "room"):
        spec = scene(place=place, time=PLACES[place].times[0], backdrop=backdrop_for(place))
        bare = render(replace(spec, objects=()), drawn_atlas, width=96, height=96).astype(int)
        changed = np.abs(render(spec, drawn_atlas, width=96, height=96) - bare).max(2) > 60
        rows, columns = np.flatnonzero(changed.any(1)), np.flatnonzero(changed.any(0))
        longest = max(np.ptp(rows), np.ptp(columns)) + 1
        assert 0.38 < longest / 96 < 0.8


@pytest.mark.parametrize("name", [n for n in PALETTE if n not in ("white", "black")])
def test_a_repainted_thing_and_a_backdrop_have_the_named_colour(drawn_atlas, name):
    backdrop = "white" if name != "beige" else "black"
    spec = scene(
        objects=(ObjectSpec(concept="car", colour=name),), place="studio", time="", backdrop=(backdrop,)
    )
    image = render(spec, drawn_atlas, width=64, height=64).reshape(-1, 3)
    near = np.abs(image.astype(int) - PALETTE[name]).max(1) < 30
    assert near.mean() > 0.1
    plain = render(replace(spec, objects=(), backdrop=(name,)), drawn_atlas, width=64, height=64)
    assert np.abs(plain.astype(int) - PALETTE[name]).max() < 20


def test_things_on_the_sea_are_mirrored_and_others_cast_shadows(drawn_atlas):
    boat = scene(objects=(ObjectSpec(concept="boat"),), place="sea")
    bare = render(replace(boat, objects=()), drawn_atlas, width=96, height=96).astype(int)
    below = np.abs(render(boat, drawn_atlas, width=96, height=96) - bare)[82:90]
    assert below.max() > 20
    ground = render(scene(objects=()), drawn_atlas, width=96, height=96).astype(int)
    shaded = render(scene(), drawn_atlas, width=96, height=96).astype(int)
    assert (shaded - ground)[80:92].sum(2).min() < -60


def test_styles_have_their_marks(drawn_atlas):
    pictures = {
        style: render(scene(style=style), drawn_atlas, width=64, height=64).astype(int)
        for style in ("", *STYLES)
    }
    for style in STYLES:
        assert np.abs(pictures[style] - pictures[""]).mean() > 5, f"{style} changes next to nothing"
    for style in ("black and white", "line art"):
        assert np.ptp(pictures[style], axis=2).max() <= 2
    assert len(np.unique(pictures["pixel art"].reshape(-1, 3), axis=0)) <= 20
    assert np.array_equal(pictures["pixel art"][::2, ::2], pictures["pixel art"][1::2, 1::2])
    assert (pictures["line art"] > 240).mean() > 0.6
    assert pictures["neon"].mean() < 0.65 * pictures[""].mean()
    assert (pictures["sepia"][..., 0] - pictures["sepia"][..., 2]).min() > 0


@pytest.mark.parametrize(("width", "height"), [(16, 64), (600, 300), (200, 40)])
def test_sizes_out_of_range_are_refused(drawn_atlas, width, height):
    with pytest.raises(AssertionError):
        render(scene(), drawn_atlas, width=width, height=height)


def test_the_contact_sheet_is_written(drawn_atlas, tmp_path):
    drawn_atlas.save(tmp_path)
    out = tmp_path / "sheet.png"
    result = CliRunner().invoke(
        main,
        [
            "sheet",
            "--data",
            str(tmp_path),
            "--out",
            str(out),
            "--count",
            "10",
            "--width",
            "64",
            "--height",
            "32",
        ],
    )
    assert result.exit_code == 0, result.output
    page = np.asarray(Image.open(out))
    assert page.shape[1] == 8 * 224
    assert page.std() > 20
