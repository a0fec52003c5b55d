"""The parts of a training run, each on its own: configuration, freezing, schedule, data, views, start values."""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from training_runs import SIZES, posed_folder, tiny_config

from sharp_cli.errors import SharpError
from sharp_cli.gaussians.color import linear_to_srgb
from sharp_cli.gaussians.transform import transform
from sharp_cli.model.checkpoint import empty_network, expected_shapes
from sharp_cli.model.compose import NdcGaussians
from sharp_cli.model.config import SharpConfig
from sharp_cli.model.depth import depth_from_disparity
from sharp_cli.model.network import SharpNetwork
from sharp_cli.render.rasterizer import rasterize
from sharp_cli.scenes.dataset import ScenePairs, seeds
from sharp_cli.training.config import OptimizerConfig, PseudoConfig, TrainConfig
from sharp_cli.training.configfile import as_table, build, load_config, preset_names
from sharp_cli.training.data import Deal, Ordered, held_out, training_samples
from sharp_cli.training.freezing import freeze, is_trainable
from sharp_cli.training.initial import draw_start, start_network
from sharp_cli.training.losses.layers import layer_losses, surface_behind
from sharp_cli.training.phases import picture_side
from sharp_cli.training.pseudo import random_pose
from sharp_cli.training.recipes import RECIPES
from sharp_cli.training.schedule import build_optimizer, learning_rate, mean_decay
from sharp_cli.training.views import camera_from_ndc, render_ndc_views

RELEASED_TRAINABLE = 339_797_231


def trainable_values(config: SharpConfig, **choices) -> int:
    named = empty_network(config).named_parameters()
    return sum(value.numel() for name, value in named if is_trainable(name, **choices))


def test_the_released_recipe_trains_exactly_the_papers_number_of_values():
    assert trainable_values(SharpConfig(), trainable="released") == RELEASED_TRAINABLE
    held = sum(math.prod(shape) for shape in expected_shapes(SharpConfig()).values())
    assert held == 702_305_169 - 44_774_050  # the classifier heads, which no network of ours holds


def test_other_choices_freeze_what_they_say():
    names = [name for name, _ in empty_network(SIZES).named_parameters()]
    frozen = [name for name in names if not is_trainable(name, "frozen-backbone")]
    assert frozen and all(name.startswith(("encoder.patch_encoder.", "encoder.image_encoder.")) for name in frozen)
    encoder = {name.split(".")[0] for name in names if not is_trainable(name, "frozen-encoder")}
    assert encoder == {"encoder"}
    gaussians = {name.split(".")[0] for name in names if is_trainable(name, "frozen-depth", "full", False)}
    assert gaussians == {"gaussian_decoder", "prediction_heads"}
    depth = {name.split(".")[0] for name in names if is_trainable(name, "all", "depth")}
    assert depth == {"encoder", "depth_decoder", "depth_head"}
    assert all(is_trainable(name, "all") for name in names)
    assert not [name for name in names if is_trainable(name, "all", "full", False) and "depth_adjustment" in name]


@pytest.mark.parametrize("phase", ["coarsest", "coarse", "depth", "full"])
def test_gradients_reach_every_trainable_tensor_and_no_frozen_one(phase: str):
    config = TrainConfig(phase=phase, network=SIZES, trainable="all", adjust_depth=False)  # type: ignore[arg-type]
    network, _ = start_network(config)
    with torch.no_grad():  # the last layers start at zero, which lets nothing through to those before them
        for last in (network.prediction_heads.geometry, network.prediction_heads.texture):
            last.weight.normal_(std=0.01)
    freeze(network, config)
    network.train()
    side = picture_side(network, config)
    image = torch.rand(1, 3, side, side, generator=torch.Generator().manual_seed(1))
    if phase == "full":
        loss = sum(value.square().mean() for value in network.predict(image, torch.tensor([0.8])).gaussians)
    else:
        see = network.predict_disparity if phase == "depth" else network.predict_coarse_disparity
        disparity = see(image)
        assert disparity.shape[-1] == (side if phase == "depth" else side // 2)
        loss = (disparity * torch.rand(disparity.shape, generator=torch.Generator().manual_seed(2))).mean()
    loss.backward()  # type: ignore[union-attr]
    for name, parameter in network.named_parameters():
        assert (parameter.grad is not None and bool(parameter.grad.any())) == parameter.requires_grad, name


def test_coarse_maps_are_the_two_coarsest_of_all_maps():
    network = empty_network(SIZES)
    network.load_state_dict(draw_start(SIZES, 0), assign=True)
    side = SIZES.resolution
    half = torch.rand(1, 3, side // 2, side // 2, generator=torch.Generator().manual_seed(1))
    whole = torch.nn.functional.interpolate(half, scale_factor=2, mode="nearest")  # its half is the picture itself
    with torch.no_grad():
        found, expected = network.encoder.forward_coarse(half), network.encoder(whole)[3:]
        small = torch.nn.functional.interpolate(half, scale_factor=0.5, mode="bilinear")
        (coarsest,) = network.encoder.forward_coarse(small)
    # Only the smallest picture differs: the mean of four pixels there is the mean of other four here.
    assert [each.shape for each in found] == [each.shape for each in expected]
    torch.testing.assert_close(found[0], expected[0], rtol=1e-4, atol=1e-4)
    torch.testing.assert_close(coarsest, found[1], rtol=1e-4, atol=1e-4)


def test_freeze_leaves_out_what_nothing_flows_through():
    network = empty_network(SharpConfig())
    counts = freeze(network, TrainConfig())
    decoders = (network.depth_decoder, network.gaussian_decoder.decoder)
    unused = sum(value.numel() for each in decoders for value in each.fusions[-1].resnet1.parameters())
    assert counts["trainable"] + unused == RELEASED_TRAINABLE


def test_muon_has_the_matrices_of_the_vits_and_adam_all_else(monkeypatch: pytest.MonkeyPatch):
    config = TrainConfig(network=SIZES, trainable="all", optimizer=OptimizerConfig(muon=20.0))
    network, _ = start_network(config)
    freeze(network, config)
    optimizer = build_optimizer(network, config.optimizer)
    adam, muon = ([p for group in part.param_groups for p in group["params"]] for part in optimizer.parts)
    names = {id(parameter): name for name, parameter in network.named_parameters()}
    assert {names[id(p)].split(".")[-3] for p in muon} == {"attn", "mlp"}
    assert sorted(map(id, [*adam, *muon])) == sorted(id(p) for p in network.parameters() if p.requires_grad)

    for parameter in [*adam, *muon]:
        parameter.grad = torch.randn(parameter.shape, generator=torch.Generator().manual_seed(0))
    before = muon[0].detach().clone()
    optimizer.step(1e-3)
    lengths = torch.linalg.svdvals((muon[0] - before).detach() / 1e-3)  # an orthogonal matrix, but roughly
    assert lengths.min() > 0.5 * lengths.max() and 10 < lengths.max() < 60
    monkeypatch.delattr(torch.optim, "Muon")
    with pytest.raises(SharpError, match=r"torch 2\.9"):
        build_optimizer(network, config.optimizer)


def test_every_preset_loads():
    presets = {name: load_config(name) for name in preset_names() if name not in RECIPES}
    assert {"preview", "preview-depth", "sharp-stage1", "sharp-stage2", "finetune"} <= presets.keys()
    assert presets["sharp-stage1"].network is None and presets["finetune"].init == "sharp"
    assert presets["preview-depth"].network == presets["preview"].network
    preview = presets["preview"].network
    assert preview is not None
    assert sum(math.prod(shape) for shape in expected_shapes(preview).values()) <= 10_000_000
    for config in presets.values():
        assert build(TrainConfig, as_table(config), "") == config


def test_files_build_on_others_and_settings_win(tmp_path: Path):
    (tmp_path / "mine.toml").write_text('base = "preview"\nsteps = 7\n[optimizer]\nlr = 1\n')
    (tmp_path / "yours.toml").write_text('base = "mine.toml"\n[losses.weights]\ntv = 0.5\n')
    config = load_config(
        str(tmp_path / "yours.toml"), ["seed=3", "init=a b.pt", "data.scenes.far=50", "log.tensorboard=true"]
    )
    assert (config.steps, config.optimizer.lr, config.losses.weights.tv, config.losses.weights.percep) == (
        7,
        1.0,
        0.5,
        0.0,
    )
    assert (config.seed, config.init, config.data.scenes.far, config.log.tensorboard) == (3, "a b.pt", 50.0, True)
    assert config.network == load_config("preview").network


@pytest.mark.parametrize(
    ("settings", "told"),
    [
        (["stepz=1"], "no stepz"),
        (["optimizer.momentum=1"], r"no optimizer\.momentum"),
        (["steps=1.5"], "steps must be of type int"),
        (["steps=true"], "steps must be of type int"),
        (["optimizer=1"], "optimizer must be a table"),
        (["phase=fast"], "phase can be one of full, coarsest, coarse, depth, self"),
        (["batch=3"], "no multiple of micro_batch"),
        (["steps=0"], "steps must be above 0"),
        (["phase=self"], "photos"),
        (["data.kind=posed"], r"data\.path"),
        (["network.depth=x"], "depth"),
        (["losses.weights.tv=-1"], "tv"),
        (["=1"], "sets nothing"),
    ],
)
def test_wrong_settings_are_refused_in_a_sentence(settings: list[str], told: str):
    with pytest.raises(SharpError, match=told):
        load_config("preview", settings)


def test_unknown_and_circular_files_are_refused(tmp_path: Path):
    with pytest.raises(SharpError, match="presets distill, finetune, labels, preview"):
        load_config("previw")
    (tmp_path / "a.toml").write_text('base = "a.toml"')
    with pytest.raises(SharpError, match="come back to itself"):
        load_config(str(tmp_path / "a.toml"))
    (tmp_path / "b.toml").write_text("steps = ")
    with pytest.raises(SharpError, match="TOML"):
        load_config(str(tmp_path / "b.toml"))


def test_learning_rate_warms_up_and_decays():
    config = OptimizerConfig(lr=1.0, final_lr=0.1, warmup=10)
    rates = [learning_rate(step, 110, config) for step in range(110)]
    assert rates[0] == pytest.approx(0.1) and rates[9] == rates[10] == 1.0
    assert rates[-1] == pytest.approx(0.1) and np.all(np.diff(rates[10:]) < 0)
    assert rates[10 + 49] == pytest.approx(0.55, abs=0.02)
    assert mean_decay(0, 0.999) == 0.1 and mean_decay(10**6, 0.999) == 0.999


@given(processes=st.sampled_from([1, 2, 4]), first=st.integers(0, 3))
def test_a_step_has_the_same_samples_for_any_number_of_processes(processes: int, first: int):
    config = TrainConfig(batch=8, micro_batch=2, steps=4)
    dealt = [list(Deal(config, rank, processes, first)) for rank in range(processes)]
    for step in range(first, 4):
        count = 4 // processes
        mine = [deal[(step - first) * count : (step - first + 1) * count] for deal in dealt]
        assert sorted(n for micros in mine for micro in micros for n in micro) == list(range(8 * step, 8 * step + 8))
    assert all(len(deal) == (4 - first) * (4 // processes) for deal in dealt)


def test_files_are_shuffled_anew_each_round_and_validation_is_kept_apart(tmp_path: Path):
    config = tiny_config(posed_folder(tmp_path), log={"samples": 4})
    samples, (apart, count) = training_samples(config, 64), held_out(config, 64)
    pairs = len(samples.pairs)
    assert pairs == 20 and count == 2
    rounds = [[samples.place(number) for number in range(r * 18, r * 18 + 18)] for r in range(2)]
    assert rounds[0] != rounds[1] and set(rounds[0]) == set(rounds[1]) == set(range(pairs)) - {0, 10}
    assert apart.indices == [0, 10]
    assert "pairs number" in samples.describe([0])
    drawn = Ordered(ScenePairs("train", 64), None, 0)
    assert drawn.describe([2, 3]) == f"synthetic scenes of seed {seeds('train')[2]}, {seeds('train')[3]}"
    later, last = (Ordered(ScenePairs("train", 64), None, seed) for seed in (1, 2**32))
    assert drawn.place(10**7) < later.place(0) and last.place(10**7) in range(2**40)


def test_rendering_straight_from_normalized_space_equals_the_decomposed_way():
    generator = torch.Generator().manual_seed(0)

    def rand(*shape: int) -> torch.Tensor:
        return torch.rand(*shape, generator=generator)

    z = 1.0 + 3.0 * rand(1, 300, 1)
    means = torch.cat([(2 * rand(1, 300, 2) - 1) * z, z], dim=2)
    ndc = NdcGaussians(
        means, 0.02 + 0.1 * rand(1, 300, 3), rand(1, 300, 4) - 0.5, 0.2 + 0.7 * rand(1, 300), rand(1, 300, 3)
    )
    width, height, focal = 60, 40, 50.0
    K = torch.tensor([[focal, 0, 30], [0, focal, 20], [0, 0, 1]])
    viewmats = torch.eye(4).repeat(2, 1, 1)
    viewmats[1, 0, 3] = -0.1
    seen = render_ndc_views(ndc, K[None], viewmats[None], K.expand(1, 2, 3, 3), width, height)

    matrix = torch.diag(torch.tensor([width / (2 * focal), height / (2 * focal), 1.0]))
    means, scales, quats = transform(ndc.means[0], ndc.scales[0], ndc.quats[0], matrix)
    rest = (ndc.opacities[0], ndc.colors[0], viewmats, K.expand(2, 3, 3), width, height)
    plain = rasterize(means, *rest, quats=quats, scales=scales)
    assert (seen.color[0] - linear_to_srgb(plain.color).movedim(-1, 1)).abs().max() < 2e-3
    assert (seen.alpha[0, :, 0] - plain.alpha).abs().max() < 2e-3
    assert (seen.depth[0, :, 0] - plain.depth).abs().max() < 2e-2


def test_normalized_space_follows_the_principal_point():
    K = torch.tensor([[[50.0, 0, 22], [0, 40, 25], [0, 0, 1]]])
    points = torch.tensor([[-1.0, -1.0, 1.0], [1.0, 0.5, 1.0]]) * torch.tensor([[2.0], [3.0]])
    projected = points @ camera_from_ndc(K, 60, 40)[0].T @ K[0].T
    assert torch.allclose(projected[:, :2] / projected[:, 2:], torch.tensor([[0.0, 0.0], [60.0, 30.0]]), atol=1e-4)


@given(seed=st.integers(0, 2**32))
def test_pseudo_poses_stay_near_and_keep_the_subject_in_place(seed: int):
    depth = torch.linspace(2.0, 6.0, 400).view(20, 20)
    config = PseudoConfig(degrees=0.0)
    viewmat = random_pose(np.random.default_rng(seed), depth, config)
    eye = -viewmat[:3, :3].T @ viewmat[:3, 3]
    assert eye.norm() <= config.parallax * 2.5 and torch.allclose(
        viewmat[:3, :3] @ viewmat[:3, :3].T, torch.eye(3), atol=1e-5
    )
    seen = viewmat @ torch.tensor([0.0, 0.0, 4.0, 1.0])
    assert seen[:2].abs().max() < 1e-2 and seen[2] > 3
    turned = random_pose(np.random.default_rng(seed), depth, PseudoConfig(degrees=2.0))
    angle = math.degrees(math.acos(min(1.0, ((turned[:3, :3] @ viewmat[:3, :3].T).trace().item() - 1) / 2)))
    assert angle <= 2.0 * 3**0.5 + 0.2


def test_depth_phase_losses_vanish_at_their_targets_and_nowhere_else():
    depth = torch.full((2, 1, 64, 64), 4.0)
    depth[:, :, 20:40, 20:40] = 1.0
    depth[1, :, :5] = 0.0  # not known
    factor = torch.tensor([0.8, 1.1])
    true = torch.where(depth > 0, factor[:, None, None, None] / depth, torch.zeros(()))
    behind = surface_behind(true, depth > 0, 0.1)
    perfect = layer_losses(torch.cat([true, behind], dim=1), depth, factor, 0.1)
    assert all(value.item() == pytest.approx(0.0, abs=1e-6) for value in perfect.values())
    wrong = layer_losses(torch.cat([true * 1.1, true], dim=1), depth, factor, 0.1)
    assert 0.05 < wrong["scale"] < math.log(1.1), "the factor itself, but for what the offset takes off"
    assert 0 < wrong["shape"] < 0.02 and wrong["edges"] > 0 and wrong["hidden"] > 0
    far = layer_losses(torch.cat([true * 1.1, true], dim=1) * 0.1, depth * 10, factor, 0.1)
    for name in ("scale", "hidden"):
        assert 0.3 * wrong[name] < far[name] < wrong[name], "far scenes count, and not for more"


def test_the_surface_behind_is_the_far_one_beside_an_edge_only():
    disparity = torch.full((1, 1, 100, 100), 0.2)
    disparity[..., 30:] = 1.0
    behind = surface_behind(disparity, torch.ones_like(disparity, dtype=torch.bool), 0.1)
    assert behind[0, 0, 50, 31] == pytest.approx(0.2, abs=1e-3), "the far surface goes on behind the near one"
    assert behind[0, 0, 50, 60] == pytest.approx(1.0) and behind[0, 0, 50, 10] == pytest.approx(0.2)
    assert (behind <= disparity).all()
    unknown = disparity.clone()
    unknown[..., 50:] = 0.0
    assert surface_behind(unknown, unknown > 0, 0.1)[0, 0, 50, 45] == pytest.approx(1.0), "unknown is not far"


@pytest.fixture(scope="module")
def drawn_preview() -> SharpNetwork:
    """The preview's network before any training."""
    sizes = load_config("preview").network
    assert sizes is not None
    network = empty_network(sizes)
    network.load_state_dict(draw_start(sizes, 0), assign=True)
    return network


@pytest.fixture(scope="module")
def noise() -> torch.Tensor:
    return torch.rand(1, 3, 512, 512, generator=torch.Generator().manual_seed(1))


def test_drawn_start_values_keep_signals_alive(drawn_preview: SharpNetwork, noise: torch.Tensor) -> None:
    with torch.no_grad():
        maps = drawn_preview.encoder(2 * noise - 1)
        prediction = drawn_preview.predict(noise, torch.tensor([0.8]))
    assert all(0.1 < each.std() < 10 for each in maps), [each.std().item() for each in maps]
    disparity = 0.8 / prediction.depth
    assert (disparity > 1e-3).float().mean() > 0.95, "the last ReLU must not cut off much of the start"
    assert not prediction.delta.any(), "base Gaussians at first"


def test_finer_maps_change_little_of_what_coarser_ones_have_learned(
    drawn_preview: SharpNetwork, noise: torch.Tensor
) -> None:
    with torch.no_grad():
        maps = drawn_preview.encoder(2 * noise - 1)
        coarse, fine = drawn_preview.depth_decoder(maps[3:]), drawn_preview.depth_decoder(maps)
    change = fine - torch.nn.functional.interpolate(coarse, size=fine.shape[2:], mode="nearest")
    assert 0 < change.std() < 0.5 * fine.std(), (change.std(), fine.std())


def test_sunken_disparity_finds_its_way_back_in_training_only():
    head = empty_network(SIZES).depth_head.to_empty(device="cpu")
    for value in head.parameters():
        torch.nn.init.constant_(value, 0.01)
    torch.nn.init.constant_(head[4].bias, -1.0)
    features = torch.ones(1, SIZES.depth_decoder_dim, 4, 4)

    def gradient(sign: float) -> torch.Tensor:
        far = depth_from_disparity(head.train()(features), torch.ones(1)).log().sum()
        return torch.autograd.grad(sign * far, head[4].bias)[0]

    rising, sinking = gradient(1.0), gradient(-1.0)
    assert (rising < 0).all() and not sinking.any()
    assert not head.eval()(features).any()
