"""Optimizers and learning rates."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from training_runs import SIZES

from sharp_cli.errors import SharpError
from sharp_cli.training.config import OptimizerConfig, TrainConfig
from sharp_cli.training.freezing import freeze
from sharp_cli.training.initial import start_network
from sharp_cli.training.schedule import build_optimizer, learning_rate, mean_decay


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


def test_learning_rate_warms_up_and_decays():
    config = OptimizerConfig(lr=1.0, final_lr=0.1, warmup=10)
    rates = [learning_rate(step, 110, config) for step in range(110)]
    assert rates[0] == pytest.approx(0.1) and rates[9] == rates[10] == 1.0
    assert rates[-1] == pytest.approx(0.1) and np.all(np.diff(rates[10:]) < 0)
    assert rates[10 + 49] == pytest.approx(0.55, abs=0.02)
    assert mean_decay(0, 0.999) == 0.1 and mean_decay(10**6, 0.999) == 0.999
