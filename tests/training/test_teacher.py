"""The teacher: features of two networks, a decoder, its losses, and a run that goes on where it stopped."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from features import write_mobilenet, write_resnet
from measured import write_measured

from sharp_cli.errors import SharpError
from sharp_cli.training import precision
from sharp_cli.training.recipes import load_recipe
from sharp_cli.training.teacher.augment import crop, degrade, random_crops, recolor
from sharp_cli.training.teacher.config import DrawnConfig, MeasuredConfig, TeacherConfig
from sharp_cli.training.teacher.decoder import START, start_teacher
from sharp_cli.training.teacher.features import FeatureKind, ResNetFeatures, read_features
from sharp_cli.training.teacher.losses import disparity_losses, floored
from sharp_cli.training.teacher.stage import CHECKPOINT, read_checkpoint
from sharp_cli.training.teacher.train import load_teacher, train_teacher


@pytest.fixture(scope="module")
def feature_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("features")
    write_resnet(folder)
    write_mobilenet(folder)
    return folder


@pytest.mark.parametrize("kind", ["resnet", "mobilenet"])
def test_features_halve_from_map_to_map(feature_folder: Path, kind: FeatureKind) -> None:
    features = read_features(feature_folder, kind)
    maps = features(torch.rand(1, 3, 64, 64))
    assert [each.shape[1] for each in maps] == list(features.channels)
    assert [each.shape[2] for each in maps] == [64 >> level for level in range(1, len(maps) + 1)]
    assert all(each.isfinite().all() for each in maps)


@pytest.mark.parametrize(("native", "expected"), [(True, torch.bfloat16), (False, torch.float32)])
def test_a_teacher_computes_in_bf16_only_where_the_cpu_has_it(
    feature_folder: Path, monkeypatch: pytest.MonkeyPatch, native: bool, expected: torch.dtype
) -> None:
    monkeypatch.setattr(precision, "has_native_bf16", lambda device: native)
    teacher = start_teacher("resnet", feature_folder)
    inside: list[torch.dtype] = []
    teacher.decoder.read.fine.register_forward_hook(lambda _, inputs, output: inside.append(output.dtype))
    teacher(torch.rand(1, 3, 64, 64))
    assert inside == [expected]
    assert isinstance(teacher.features, ResNetFeatures)
    assert teacher.features.dtype == expected


def test_features_that_cannot_be_read(tmp_path: Path) -> None:
    with pytest.raises(SharpError, match="cannot read"):
        read_features(tmp_path, "resnet")
    write_mobilenet(tmp_path)
    (tmp_path / "mobilenet_v1_imagenet.safetensors").rename(tmp_path / "resnet50_v2_imagenet.safetensors")
    with pytest.raises(SharpError, match="not the features of resnet"):
        read_features(tmp_path, "resnet")


@pytest.mark.parametrize("kind", ["resnet", "mobilenet"])
def test_a_new_teacher_predicts_one_distance(feature_folder: Path, kind: FeatureKind) -> None:
    found = start_teacher(kind, feature_folder)(torch.rand(2, 3, 64, 64))
    assert found.shape == (2, 32, 32)
    torch.testing.assert_close(found, torch.full_like(found, START), atol=0.01, rtol=0)


def test_losses_forgive_what_each_does_not_judge() -> None:
    true = torch.rand(2, 16, 16) + 0.5
    known = torch.ones(2, 16, 16, dtype=torch.bool)
    exact = disparity_losses(true.log(), true, known)
    assert all(float(term.max()) < 1e-3 for term in exact.values())
    scaled = disparity_losses((2 * true).log(), true, known)
    torch.testing.assert_close(scaled["scale"], torch.full((2,), 2.0).log())
    assert all(float(scaled[name].max()) < 1e-3 for name in ("shape", "near", "correlation", "edges"))


def test_what_is_not_known_does_not_count() -> None:
    true = torch.rand(1, 16, 16) + 0.5
    known = torch.rand(1, 16, 16) < 0.5
    wrong = torch.where(known, true, torch.full_like(true, 5.0))
    terms = disparity_losses(wrong.log(), floored(true, known), known)
    assert all(float(term) < 1e-3 for term in terms.values())


def test_skies_get_a_floor() -> None:
    near = torch.tensor([[[1.0, 1.0], [1.0, 0.0008]]])
    floor = floored(near, near > 0)[0, 1, 1]
    assert float(floor) == pytest.approx(0.06 * 0.7502, rel=1e-3)


def test_crops_are_longer_lenses() -> None:
    torch.manual_seed(0)
    where, share = random_crops(64, 0.4, whole=0.0, stretch=0.0)
    assert float(share.min()) >= 0.4
    ramp = torch.linspace(-1, 1, 64).expand(64, 1, 64, 64)
    cropped = crop(ramp, where, 32)
    spread = (cropped[..., -1] - cropped[..., 0]).abs().mean(dim=(1, 2))
    torch.testing.assert_close(spread, 2 * share * 31 / 32 * 64 / 63, atol=0.02, rtol=0.02)


def test_changed_pictures_stay_pictures() -> None:
    torch.manual_seed(0)
    images = torch.rand(8, 3, 48, 48)
    changed = degrade(recolor(images), 0.5, 0.5, 0.5)
    assert changed.shape == images.shape
    assert float(changed.min()) >= 0 and float(changed.max()) <= 1
    assert not torch.equal(changed, images)


def tiny(folder: Path, features: Path, **changes: object) -> TeacherConfig:
    synthetic = DrawnConfig(pairs=2, side=64, folder=str(folder / "drawn"), workers=0)
    measured = MeasuredConfig(str(folder / "measured"), held_out=0.5)
    values = {"drawn": synthetic, "measured": measured, "steps": 4, "batch": 2, "measured_batch": 1, "save_every": 2}
    return TeacherConfig(kind="mobilenet", features=str(features), **{**values, **changes})  # type: ignore[arg-type]


def test_a_stopped_run_resumes_as_if_it_had_not_stopped(
    feature_folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("sharp_cli.training.teacher.material.VALIDATION", range(1))
    monkeypatch.setattr("sharp_cli.training.teacher.material.MEASURED_SIDE", 64)
    write_measured(tmp_path / "measured", {"room-1": "train", "room-2": "train"})
    config = tiny(tmp_path, feature_folder)
    lines: list[str] = []
    assert train_teacher(config, tmp_path / "whole", lines.append)
    assert [line.split()[0] for line in lines] == ["[2/4]", "[4/4]"]
    assert "measured correlation" in lines[-1]
    assert not train_teacher(config, tmp_path / "parts", lines.append, lambda: True)
    assert train_teacher(config, tmp_path / "parts", lines.append)
    whole, parts = (read_checkpoint(tmp_path / name / CHECKPOINT) for name in ("whole", "parts"))
    assert parts["step"] == whole["step"] == 4
    for name, tensor in whole["mean"].items():
        torch.testing.assert_close(parts["mean"][name], tensor, atol=0, rtol=0)
    load_teacher(tmp_path / "whole", feature_folder)
    with pytest.raises(SharpError, match="another lr"):
        train_teacher(tiny(tmp_path, feature_folder, lr=1e-4), tmp_path / "whole", lines.append)


def test_recipes_are_told_apart_by_their_key(tmp_path: Path) -> None:
    assert isinstance(load_recipe("teacher", ["steps=7", "drawn.pairs=5"]), TeacherConfig)
    (tmp_path / "other.toml").write_text('recipe = "cake"\n')
    with pytest.raises(SharpError, match=r"unknown recipe: cake \(choose teacher, .*, context, sight, mix or chain\)"):
        load_recipe(str(tmp_path / "other.toml"))
