"""LPIPS and DISTS: one value per image, and clear errors without their packages or networks."""

from __future__ import annotations

import logging
import sys
import urllib.error
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from PIL import Image

from sharp_cli.errors import SharpError
from sharp_cli.metrics import learned
from sharp_cli.metrics.learned import load_available, load_dists, load_lpips


@pytest.mark.parametrize("load", [load_lpips, load_dists])
def test_without_torchmetrics_the_error_says_what_to_install(load: object, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "torchmetrics", None)
    monkeypatch.setitem(sys.modules, "torchmetrics.image.lpip", None)
    monkeypatch.setitem(sys.modules, "torchmetrics.functional.image.dists", None)
    with pytest.raises(SharpError, match=r"pip install '\.\[eval\]'"):
        load()  # type: ignore[operator]


def test_unavailable_metrics_are_skipped_with_a_warning(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def missing(_: object) -> learned.Metric:
        raise SharpError("LPIPS is on holiday")

    monkeypatch.setattr(learned, "load_lpips", missing)
    monkeypatch.setattr(learned, "load_dists", lambda _: lambda found, true: found.new_zeros(len(found)))
    with caplog.at_level(logging.WARNING):
        assert list(load_available()) == ["psnr", "ssim", "dists"]
    assert "LPIPS is on holiday" in caplog.text


@pytest.mark.parametrize("load", [load_lpips, load_dists])
def test_a_failed_download_of_a_backbone_is_reported(
    load: object, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    pytest.importorskip("torchmetrics")

    def unplugged(*_: object, **__: object) -> None:
        raise urllib.error.URLError("no network here")

    monkeypatch.setenv("TORCH_HOME", str(tmp_path))
    monkeypatch.setattr(torch.hub, "urlopen", unplugged)
    with pytest.raises(SharpError, match=r"cannot download.*no network here.*TORCH_HOME"):
        load()  # type: ignore[operator]
    assert not capsys.readouterr().out, "stdout is for the results"


@pytest.mark.parametrize("load", [load_lpips, load_dists])
def test_learned_metrics_give_one_value_per_picture(load: object, monkeypatch: pytest.MonkeyPatch, data: Path) -> None:
    pytest.importorskip("torchmetrics")
    import torchvision
    from torchvision.models import vgg

    def random_vgg(weights: object) -> SimpleNamespace:
        return SimpleNamespace(features=vgg.make_layers(vgg.cfgs["D"]))

    # The real networks with random weights, because their own may not be on this machine.
    monkeypatch.setattr(torchvision.models, "alexnet", lambda weights, alexnet=torchvision.models.alexnet: alexnet())
    monkeypatch.setattr("torchmetrics.functional.image.dists.vgg16", random_vgg)
    torch.manual_seed(0)
    metric = load()  # type: ignore[operator]
    pixels = np.array(Image.open(data / "chelsea.png").convert("RGB").crop((0, 0, 96, 96)))
    photo = torch.from_numpy(pixels).permute(2, 0, 1)[None].double() / 255
    values = metric(torch.cat([photo, photo.flip(3)]), torch.cat([photo, photo]))
    assert values.shape == (2,)
    assert values.dtype == torch.float64
    assert values[0].item() == pytest.approx(0.0, abs=1e-5)
    assert values[1].item() > 1e-4
    assert metric(photo, photo.flip(3)).tolist() == pytest.approx([values[1].item()], rel=1e-2)
