"""Evaluation of predictors whose scores are known: the truth itself, the truth at another scale, and broken ones."""

from __future__ import annotations

import json
import math
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from truths import HEIGHT, WIDTH, camera, own_truth, plane_pair, pose, some_gaussians

from sharp_cli.datasets.samples import Sample, photo_of, to_true_camera
from sharp_cli.datasets.view_pair import ViewPair
from sharp_cli.errors import SharpError
from sharp_cli.evaluation.evaluate import SampleResult, evaluate, sum_up
from sharp_cli.evaluation.record import to_json
from sharp_cli.evaluation.results import Against, Results
from sharp_cli.evaluation.score import SampleImages, score_pair
from sharp_cli.evaluation.sheets import write_sheet
from sharp_cli.evaluation.showing import place, show
from sharp_cli.evaluation.synthetic import synthetic_samples
from sharp_cli.evaluation.table import to_markdown
from sharp_cli.gaussians.gaussians import Gaussians
from sharp_cli.metrics.image import MAX_PSNR, psnr, ssim
from sharp_cli.photo import Photo
from sharp_cli.scenes import SceneConfig, make_pair
from sharp_cli.scenes.dataset import seeds

METRICS = {"psnr": psnr, "ssim": ssim}
CAMERAS = [camera(), camera(fy=65.0, cx=27.0, cy=29.5)]
ASIDE = pose(0.3, -0.1, 0.2, 0.1)


@pytest.mark.parametrize("K", CAMERAS, ids=["assumed camera", "calibrated camera"])
@pytest.mark.parametrize("options", [{}, {"mask": True}, {"privileged_depth": True}], ids=str)
def test_the_truth_is_perfect(K: np.ndarray, options: dict[str, bool]) -> None:
    gaussians = some_gaussians()
    pair = own_truth(gaussians, K, ASIDE)
    asked: list[Photo] = []

    def truth(photo: Photo) -> Gaussians:
        asked.append(photo)
        return gaussians

    results = evaluate(truth, [Sample("one", lambda: pair)], metrics=METRICS, **options)
    assert (results.scored, results.failed) == (1, 0)
    for view in ("novel", "input"):
        assert results.means[view] == {"psnr": MAX_PSNR, "ssim": pytest.approx(1.0, abs=1e-12)}
    perfect = {"abs_rel": 0.0, "delta": 1.0, "abs_rel_aligned": 0.0, "delta_aligned": 1.0, "scale": 1.0}
    assert results.means["depth"] == perfect
    assert results.means["plane"]["psnr"] < 40
    assert results.against["plane"].share_better == 1.0
    assert asked[0].focal_px == K[0, 0]
    assert (asked[0].width, asked[0].height) == (WIDTH, HEIGHT)


def test_the_true_camera_keeps_every_point_on_its_pixel() -> None:
    pair = plane_pair(np.eye(4), CAMERAS[1])
    points = np.random.default_rng(0).uniform(0.5, 4.0, (3, 20))
    assumed = camera(CAMERAS[1][0, 0])
    np.testing.assert_allclose(CAMERAS[1] @ to_true_camera(pair) @ points, assumed @ points)
    np.testing.assert_allclose(to_true_camera(plane_pair(np.eye(4), CAMERAS[0])), np.eye(3), atol=1e-15)
    # and so do whole splats: the same picture through the true camera as the predictor saw through its own
    gaussians = some_gaussians()
    seen = show(place(gaussians, pair), pair.input, "cpu").image
    pair = plane_pair(np.eye(4), assumed)
    assert np.abs(seen.astype(int) - show(place(gaussians, pair), pair.input, "cpu").image).max() <= 1


def half_as_large(gaussians: Gaussians) -> Gaussians:
    return replace(gaussians, means=0.5 * gaussians.means, scales=0.5 * gaussians.scales)


def test_only_privileged_depth_corrects_a_wrong_scale() -> None:
    gaussians = some_gaussians()
    pair = own_truth(gaussians, CAMERAS[1], ASIDE)
    plain, _ = score_pair(pair, half_as_large(gaussians), METRICS)
    assert plain["input"]["psnr"] > 60  # from the same eye nothing changes
    assert plain["novel"]["psnr"] < 30
    assert plain["depth"]["abs_rel"] == pytest.approx(0.5, abs=1e-5)
    assert plain["depth"]["delta"] == 0.0
    assert plain["depth"]["abs_rel_aligned"] == pytest.approx(0.0, abs=1e-5)
    assert plain["depth"]["delta_aligned"] == 1.0
    assert plain["depth"]["scale"] == pytest.approx(2.0)
    privileged, _ = score_pair(pair, half_as_large(gaussians), METRICS, privileged_depth=True)
    assert privileged["novel"]["psnr"] > 60
    assert privileged["depth"] == plain["depth"]


def test_the_mask_leaves_out_what_the_input_cannot_see() -> None:
    gaussians = some_gaussians()
    pair = own_truth(gaussians, CAMERAS[0], pose(yaw=0.4))
    # turned to the right by 0.4 rad, the last column is at atan(32 / 50) + 0.4: beyond the input by far
    spoilt = pair.novel.image.copy()
    spoilt[:, -8:] = 255 - spoilt[:, -8:]
    pair = replace(pair, novel=replace(pair.novel, image=spoilt))
    plain, _ = score_pair(pair, gaussians, METRICS)
    masked, _ = score_pair(pair, gaussians, METRICS, mask=True)
    assert plain["novel"]["psnr"] < 25
    assert plain["novel"]["ssim"] < 0.95
    assert masked["novel"] == {"psnr": MAX_PSNR, "ssim": pytest.approx(1.0)}
    assert masked["photo"]["psnr"] < 30
    assert masked["input"] == plain["input"]
    # a pixel that counts still does
    spoilt = spoilt.copy()
    spoilt[24, 10] = 255 - spoilt[24, 10]
    again, _ = score_pair(replace(pair, novel=replace(pair.novel, image=spoilt)), gaussians, METRICS, mask=True)
    assert again["novel"]["psnr"] < 60


def test_without_true_depth_there_are_pictures_alone() -> None:
    gaussians = some_gaussians()
    pair = own_truth(gaussians, CAMERAS[0], ASIDE)
    none = np.zeros_like(pair.input.depth)
    blind = replace(pair, input=replace(pair.input, depth=none), novel=replace(pair.novel, depth=none))
    scores, pictures = score_pair(blind, gaussians, METRICS)
    assert set(scores) == {"novel", "photo", "input"}
    assert pictures.plane is None
    for option in ("mask", "privileged_depth"):
        with pytest.raises(SharpError, match="true depth"):
            score_pair(blind, gaussians, METRICS, **{option: True})


def test_a_failed_sample_is_reported_and_the_others_continue() -> None:
    gaussians = some_gaussians()
    pair = own_truth(gaussians, CAMERAS[0], ASIDE)

    def missing() -> ViewPair:
        raise SharpError("im0.png does not exist.")

    reported: list[tuple[SampleResult, SampleImages | None]] = []
    calls = iter([gaussians, None])
    samples = [Sample("a", missing), Sample("b", lambda: pair), Sample("c", lambda: pair)]
    results = evaluate(
        lambda photo: next(calls),  # type: ignore[arg-type, return-value]
        samples,
        metrics=METRICS,
        ended=lambda outcome, pictures: reported.append((outcome, pictures)),
    )
    assert (results.scored, results.failed) == (1, 2)
    assert results.means["novel"]["psnr"] == MAX_PSNR
    reasons = [outcome.reason for outcome, _ in reported]
    assert reasons[0] == "a: im0.png does not exist."
    assert reasons[1] is None
    assert reasons[2] is not None and reasons[2].startswith("c: AttributeError: ") and "bug" in reasons[2]
    assert [pictures is not None for _, pictures in reported] == [False, True, False]
    record = json.loads(to_json([outcome for outcome, _ in reported], results, {"data": "made"}, "finished"))
    assert [item["status"] for item in record["samples"]] == ["failed", "scored", "failed"]
    assert record["failed"] == 2
    assert set(record["samples"][1]["seconds"]) == {"load", "predict", "score"}


def scores(novel: float, plane: float | None, photo: float) -> dict[str, dict[str, float]]:
    made = {"novel": {"psnr": novel, "ssim": 0.5}, "photo": {"psnr": photo}}
    return made if plane is None else {**made, "plane": {"psnr": plane}}


def test_means_and_comparisons_by_hand() -> None:
    results = Results.of([scores(20, 18, 21), scores(26, 26, 20), scores(23, None, 19), {}, scores(31, 25, math.nan)])
    assert (results.scored, results.failed) == (4, 1)
    assert results.means["novel"]["psnr"] == 25.0
    assert results.means["plane"]["psnr"] == 23.0
    assert results.means["photo"]["psnr"] == 20.0  # NaN does not count
    assert results.against["plane"] == Against(3, pytest.approx(2 / 3), pytest.approx(8 / 3))  # a tie is not better
    assert results.against["photo"] == Against(3, pytest.approx(2 / 3), pytest.approx(3.0))
    assert to_markdown(results) == (
        "| 4 samples, 1 failed | PSNR ↑ | SSIM ↑ |\n"
        "| --- | ---: | ---: |\n"
        "| novel view, predicted | 25.00 | 0.500 |\n"
        "| novel view, photo on a plane | 23.00 | – |\n"
        "| novel view, photo unchanged | 20.00 | – |\n"
        "\n"
        "| novel view against | better in | mean gain |\n"
        "| --- | ---: | ---: |\n"
        "| photo on a plane | 67% of 3 | +2.67 dB |\n"
        "| photo unchanged | 67% of 3 | +3.00 dB |\n"
    )


def test_kinds_of_scene_are_told_apart() -> None:
    of_rooms, of_stages = scores(20, 18, 21), scores(23, 25, 19)
    of_rooms["depth"] = {"abs_rel": 0.5, "delta": 0.1, "abs_rel_aligned": 0.2, "delta_aligned": 0.6, "scale": 2.0}
    found = [of_rooms, of_stages, scores(21, 20, 19), {}, scores(40, 10, 10)]
    outcomes = [
        SampleResult(str(i), kind, each, None if each else "no")
        for i, (kind, each) in enumerate(zip(["room", "stage", "room", "park", ""], found, strict=True))
    ]
    results = sum_up(outcomes)
    assert list(results.kinds) == ["room", "stage"]  # nothing is known of a park
    assert results.kinds["room"] == Results.of([found[0], found[2]])
    assert to_markdown(results).endswith(
        "\n\n"
        "| kind of scene | samples | novel PSNR ↑ | mean gain over the plane | true / predicted distance |\n"
        "| --- | ---: | ---: | ---: | ---: |\n"
        "| room | 2 | 20.50 | +1.50 dB | 2.00 |\n"
        "| stage | 1 | 23.00 | -2.00 dB | – |\n"
    )
    record = json.loads(to_json(outcomes, results, {}, "finished"))
    assert record["kinds"]["stage"]["means"]["novel"]["psnr"] == 23.0
    assert [item.get("kind") for item in record["samples"]] == ["room", "stage", "room", "park", None]


def test_json_is_strict_even_without_a_number() -> None:
    outcomes = [SampleResult("a", scores={"novel": {"psnr": math.nan}}), SampleResult("b", reason="b: no")]
    results = Results.of([outcome.scores for outcome in outcomes])
    record = json.loads(to_json(outcomes, results, {}, "finished"), parse_constant=pytest.fail)
    assert record["means"] == {"novel": {"psnr": None}}
    assert record["samples"][0]["scores"] == {"novel": {"psnr": None}}
    assert Results.of([]).to_dict() == {"scored": 0, "failed": 0, "means": {}, "against": {}}
    assert to_markdown(Results.of([])).startswith("| 0 samples |")


@pytest.mark.parametrize("known", [True, False])
def test_a_sheet_shows_the_pictures(known: bool, tmp_path: Path) -> None:
    from PIL import Image

    gaussians = some_gaussians()
    pair = own_truth(gaussians, CAMERAS[0], ASIDE)
    depth = pair.input.depth.copy()
    depth[:10] = np.inf
    depth[10, :5] = np.nan
    pair = replace(pair, input=replace(pair.input, depth=depth if known else np.zeros_like(depth)))
    _, pictures = score_pair(pair, gaussians, METRICS)
    write_sheet(tmp_path / "sheets" / "a.png", pictures)
    sheet = np.asarray(Image.open(tmp_path / "sheets" / "a.png"))
    top, left = 8 + 22, 8
    for column, shown in enumerate([pair.photo, pair.novel.image, pair.novel.image, np.zeros_like(pair.photo)]):
        x = left + column * (WIDTH + 8)
        np.testing.assert_array_equal(sheet[top : top + HEIGHT, x : x + WIDTH], shown)  # no error: black
    (tmp_path / "file").write_text("")
    with pytest.raises(SharpError, match="cannot write"):
        write_sheet(tmp_path / "file" / "a.png", pictures)


def test_evaluation_scenes_are_of_the_test_split_and_open_to_the_sky() -> None:
    samples = synthetic_samples(32, 3)
    assert [sample.name for sample in samples] == ["test-0", "test-1", "test-2"]
    pair, expected = samples[1].load(), make_pair(seeds("test")[1], 32)
    np.testing.assert_array_equal(pair.photo, expected.photo)
    for view, made in ((pair.input, expected.input), (pair.novel, expected.novel)):
        sky = made.depth >= SceneConfig().far
        assert sky.any() and not sky.all()
        np.testing.assert_array_equal(np.isinf(view.depth), sky)
        np.testing.assert_array_equal(view.depth[~sky], made.depth[~sky])
        assert view.depth.dtype == np.float32
    assert photo_of(pair).focal_px == pair.input.K[0, 0]
