"""Labels of photos by a teacher, and an encoder that learns from them."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from features import write_resnet
from measured import write_measured
from PIL import Image

from sharp_cli.errors import SharpError
from sharp_cli.model.checkpoint import checkpoint_name
from sharp_cli.training.config import PhotosConfig, TrainConfig
from sharp_cli.training.initial import start_network
from sharp_cli.training.mixing import MixConfig
from sharp_cli.training.recipes import StageConfig, run_recipe
from sharp_cli.training.teacher.beside import PhotosBeside
from sharp_cli.training.teacher.config import (
    DistillConfig,
    DrawnConfig,
    LabelsConfig,
    MeasuredConfig,
    SightConfig,
    TeacherConfig,
)
from sharp_cli.training.teacher.distill import keep_first_blocks
from sharp_cli.training.teacher.label_folder import label_folder
from sharp_cli.training.teacher.labels import Labels, read_labels, write_labels
from sharp_cli.training.teacher.reader import CELLS, Reader
from sharp_cli.training.teacher.sight import choose_values, layer_terms, predict
from sharp_cli.weights.read import read_weights
from sharp_cli.weights.write import write_weights


def run(config: StageConfig, folder: Path) -> Path:
    reported: list[str] = []
    result = run_recipe(config, folder, reported.append)
    assert result and reported
    return result


def test_from_features_to_a_taught_encoder(tiny_weights: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sharp_cli.training.teacher.material.VALIDATION", range(1))
    features, photos = tmp_path / "features", tmp_path / "photos"
    write_resnet(features)
    photos.mkdir()
    rng = np.random.default_rng(0)
    for name in ("varied-1", "plain-2"):
        Image.fromarray(rng.integers(0, 255, (40, 60, 3), np.uint8)).save(photos / f"{name}.jpg")
    write_measured(tmp_path / "measured", {f"room-{i}": "train" for i in range(6)})
    synthetic = DrawnConfig(pairs=1, side=64, folder=str(tmp_path / "drawn"), workers=0)
    teacher = TeacherConfig(features=str(features), drawn=synthetic, steps=1, batch=2, measured_batch=0)
    run(teacher, tmp_path / "teacher")

    seen = LabelsConfig(
        teachers=(str(tmp_path / "teacher"),), features=str(features), photos=str(photos), varied=("varied",), views=1,
        views_of_varied=3,
    )  # fmt: skip
    file = run(seen, tmp_path / "labels")
    labels = read_labels(file)
    assert labels.photos.tolist() == [0, 1, 1, 1]
    assert labels.images.shape == (4, 3, 256, 256)
    assert labels.log_disparities.shape == (4, 96, 96)
    assert labels.features.shape[2:] == (12, 12)
    assert labels.features.isfinite().all()

    for asked in (1, 2, 3):  # while photos are read, seen whole, and seen in part
        answers = iter([False] * asked)
        with pytest.raises(KeyboardInterrupt):
            label_folder(seen, tmp_path / "stopped", print, lambda answers=answers: next(answers, True))
    assert not (tmp_path / "stopped").exists()

    measured = MeasuredConfig(str(tmp_path / "measured"))
    taught = DistillConfig(
        init=str(tiny_weights), labels=str(file), drawn=synthetic, measured=measured, steps=2, batch=2,
        synthetic_batch=1, measured_batch=1, warmup=1,
    )  # fmt: skip
    weights = read_weights(run(taught, tmp_path / "distilled"))
    before = read_weights(tiny_weights)
    changed = {name for name, tensor in weights.tensors.items() if not torch.equal(tensor, before.tensors[name])}
    assert changed
    assert len({name.split(".")[0] for name in changed}) == 1
    (entry,) = weights.record["training"]
    assert entry["config"]["recipe"] == "distill"
    assert entry["config"]["init"] == tiny_weights.name
    assert str(tmp_path) not in str(entry)
    sight = SightConfig(
        init=str(tmp_path / "distilled" / "weights.safetensors"), labels=str(file), drawn=synthetic, steps=1, batch=1,
        synthetic_batch=1, vit_lr=0.1,
    )  # fmt: skip
    recorded = read_weights(run(sight, tmp_path / "sight")).record["training"]
    assert [entry["config"]["recipe"] for entry in recorded] == ["distill", "sight"]
    alone = DistillConfig(init=str(tiny_weights), drawn=synthetic, steps=1, synthetic_batch=2, encoder="patch")
    assert run(alone, tmp_path / "alone").is_file()


def test_the_patch_encoder_keeps_its_first_blocks(tiny_weights: Path) -> None:
    network, _ = start_network(TrainConfig(init=str(tiny_weights)))
    reader = Reader(network.encoder.patch_encoder, 3)
    keep_first_blocks(reader, network)
    trained = {name for name, value in reader.encoder.named_parameters() if value.requires_grad}
    assert all(name.startswith("norm.") for name in trained)


@pytest.mark.parametrize("side", [1, 2, 4])
def test_sight_trains_what_its_pictures_run_through(tiny_weights: Path, side: int) -> None:
    network, _ = start_network(TrainConfig(init=str(tiny_weights)))
    choose_values(network.train(), SightConfig(side=side, vit_lr=0.1))  # type: ignore[arg-type]
    predict(network, torch.rand(1, 3, 128 * side, 128 * side)).mean().backward()
    for name, value in network.named_parameters():
        assert (value.grad is not None) == value.requires_grad, name
    assert network.encoder.image_encoder.patch_embed.proj.weight.requires_grad
    assert not network.encoder.patch_encoder.patch_embed.proj.weight.requires_grad


def test_sight_keeps_what_it_is_asked_to_keep(tiny_weights: Path) -> None:
    network, _ = start_network(TrainConfig(init=str(tiny_weights)))
    config = SightConfig(vit_lr=0.1, muon=20.0, keep=("encoder.patch_encoder.",))
    optimizer = choose_values(network.train(), config)
    trained = {name: value for name, value in network.named_parameters() if value.requires_grad}
    assert not any(name.startswith("encoder.patch_encoder.") for name in trained)
    assert "encoder.image_encoder.blocks.0.attn.qkv.weight" in trained
    assert sum(len(group["params"]) for part in optimizer.parts for group in part.param_groups) == len(trained)
    (matrices,) = optimizer.parts[1].param_groups
    assert all(value.ndim == 2 for value in matrices["params"])


def test_the_full_phase_learns_from_photos_beside_its_scenes(tiny_weights: Path, tmp_path: Path) -> None:
    shape = (3, 32, 32)
    labels = Labels(
        torch.randint(0, 255, (2, *shape), dtype=torch.uint8), torch.zeros(2, 16, 16), torch.zeros(2, 1, 2, 2),
        torch.tensor([0, 1]),
    )  # fmt: skip
    write_labels(tmp_path / "labels.safetensors", labels, {})
    write_measured(tmp_path / "measured", {f"room-{i}": "train" for i in range(6)})
    photos = PhotosConfig(str(tmp_path / "labels.safetensors"), str(tmp_path / "measured"), weight=2.0)
    beside = PhotosBeside(TrainConfig(sight=photos))
    assert len(beside.labels.images) == 1, "photo 0 is for validation"
    (images, true), (again, _), (others, _) = (beside.batch(torch.tensor([n]), 64) for n in (3, 3, 4))
    assert images.shape == (2, 3, 64, 64)
    assert true.shape == (2, 32, 32)
    assert torch.equal(images, again)
    assert not torch.equal(images, others)
    network, _ = start_network(TrainConfig(init=str(tiny_weights)))
    terms = beside.terms(network, torch.tensor([3]))
    assert all(name.startswith("photos_") and value.isfinite() for name, value in terms.items())
    with pytest.raises(SharpError, match="'full' or 'depth'"):
        TrainConfig(phase="coarse", sight=photos)


def test_a_mix_lies_between_two_weights(tiny_weights: Path, tmp_path: Path) -> None:
    network, _ = start_network(TrainConfig(init=str(tiny_weights)))
    tensors = {checkpoint_name(name): value + 1.0 for name, value in network.state_dict().items()}
    write_weights(tmp_path / "other.safetensors", tensors, network.config, {"training": [{"steps": 7}]})
    mixed = MixConfig(init=str(tmp_path / "other.safetensors"), other=str(tiny_weights), share=0.25)
    weights = read_weights(run(mixed, tmp_path / "mixed"))
    before = read_weights(tiny_weights)
    for name, tensor in weights.tensors.items():
        torch.testing.assert_close(tensor, before.tensors[name] + 0.25, atol=1e-5, rtol=1e-5)
    assert [entry["steps"] for entry in weights.record["training"]] == [7, 0]
    assert weights.record["training"][1]["config"]["other"] == tiny_weights.name
    with pytest.raises(SharpError, match="share"):
        MixConfig(init="preview", share=2.0)


def test_exact_layers_cost_nothing() -> None:
    true = (torch.rand(1, 1, 1) + 0.5).expand(2, 32, 32)
    terms = layer_terms(true[:, None].expand(2, 2, 32, 32), true)
    assert all(float(terms[name]) < 1e-3 for name in ("scale", "shape", "near", "edges", "hidden"))


def test_cells_lie_where_their_patches_are(tiny_weights: Path) -> None:
    network, _ = start_network(TrainConfig(init=str(tiny_weights)))
    reader = Reader(network.encoder.image_encoder, 3)
    grid = reader.grid
    cells = torch.arange(grid**2 * CELLS**2).view(1, grid**2, CELLS**2).float()
    kept = torch.tensor([[1, grid]])
    whole, known = reader.to_map(cells)
    assert known.all()
    some, seen = reader.to_map(cells.take_along_dim(kept[..., None], dim=1), kept)
    assert seen.sum() == 2 * CELLS**2
    assert torch.equal(some[seen], whole[seen])
    assert torch.equal(whole[0, :CELLS, CELLS : 2 * CELLS].flatten(), cells[0, 1])


def test_labels_in_a_file(tmp_path: Path) -> None:
    labels = Labels(
        torch.zeros(1, 3, 4, 4, dtype=torch.uint8), torch.ones(1, 2, 2), torch.ones(1, 5, 1, 1), torch.zeros(1)
    )
    write_labels(tmp_path / "labels.safetensors", labels, {"photos": "1"})
    for found, stored in zip(read_labels(tmp_path / "labels.safetensors"), labels, strict=True):
        assert torch.equal(found, stored)
    with pytest.raises(SharpError, match="cannot read the labels"):
        read_labels(tmp_path / "none.safetensors")
