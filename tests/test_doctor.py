"""sharp doctor names what is wrong, and what to do."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner

from sharp_cli import doctor
from sharp_cli.cli import app
from sharp_cli.doctor import Finding, examine
from sharp_cli.weights import store
from sharp_cli.weights.catalog import RELEASED


def found(subject: str) -> list[Finding]:
    return [finding for finding in examine() if finding.subject == subject]


def test_this_machine_can_do_the_main_job(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(doctor, "PROBE_SECONDS", 0.01)
    findings = list(examine())
    assert {finding.level for finding in findings} <= {"ok", "note"}
    assert {"sharp", "packages", "CPU", "device", "speed", "weights preview", "film", "viewer"} <= {
        finding.subject for finding in findings
    }


def test_bundled_weights_that_are_gone_are_a_problem(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(doctor, "PROBE_SECONDS", 0.01)
    monkeypatch.setattr(store, "BUNDLED_IN", (tmp_path,))
    result = CliRunner().invoke(app, ["doctor", "--json"])
    assert result.exit_code == 1
    (weights,) = [row for row in json.loads(result.stdout) if row["subject"] == "weights preview"]
    assert weights["level"] == "problem" and "install" in weights["remedy"]


def test_damaged_weights_are_a_problem(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    (tmp_path / "preview.safetensors").write_bytes(b"not weights")
    monkeypatch.setattr(store, "BUNDLED_IN", (tmp_path,))
    (finding,) = [each for each in doctor.weights() if each.subject == "weights preview"]
    assert finding.level == "problem"


def test_another_sharp_on_the_path_is_named(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    other = tmp_path / "sharp"
    other.write_text("#!/bin/sh\n")
    other.chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path))
    (finding,) = doctor.names()
    assert finding.level == "note" and str(other) in finding.text and "python -m sharp_cli" in finding.remedy


def test_offline_and_proxy_settings_are_shown_without_passwords(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    monkeypatch.setenv("HTTPS_PROXY", "http://me:secret@proxy:3128")
    text = " ".join(finding.text for finding in doctor.network())
    assert "nothing is downloaded" in text and "proxy:3128" in text and "secret" not in text


def test_a_missing_encoder_and_extra_are_named(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(name: str, mode: str) -> None:
        raise ValueError(name)

    monkeypatch.setattr("av.codec.Codec", refuse)
    (finding,) = doctor.encoder()
    assert finding.level == "note" and "mp4" in finding.text
    monkeypatch.setattr(doctor, "find_spec", lambda module: None)
    assert all("pip install" in finding.remedy for finding in doctor.extras())


def test_a_read_only_cache_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("os.access", lambda path, mode: False)
    assert "SHARP_CACHE" in " ".join(finding.remedy for finding in doctor.space())


def test_a_check_that_fails_is_a_finding(monkeypatch: pytest.MonkeyPatch) -> None:
    def broken() -> None:
        raise OSError("no such thing")

    monkeypatch.setattr(doctor, "speed", broken)
    assert any("no such thing" in finding.text for finding in examine())


@pytest.fixture
def offline(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(doctor, "_answers", lambda: False)


def test_no_network_is_named(offline: None, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in (*doctor.OFFLINE, *doctor.PROXIES):
        monkeypatch.delenv(name, raising=False)
    (finding,) = doctor.network()
    assert finding.level == "note" and "does not answer" in finding.text and "preview" in finding.remedy


def test_a_dead_address_does_not_answer(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("huggingface_hub.constants.ENDPOINT", "http://127.0.0.1:9")
    assert not doctor._answers()


def test_no_gpu_is_said_and_a_gpu_that_torch_misses_has_a_remedy(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("torch.cuda.device_count", lambda: 0)
    for driver, level, words in ((None, "ok", "the CPU does all work"), ("/bin/nvidia-smi", "note", "finds no GPU")):
        monkeypatch.setattr("shutil.which", lambda program, driver=driver: driver)
        (finding,) = [each for each in doctor.devices() if each.subject == "GPU"]
        assert finding.level == level and words in finding.text
        assert bool(finding.remedy) == (level == "note")


def test_a_cache_that_is_a_file_and_weights_of_another_size_have_remedies(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    cache = tmp_path / "cache"
    monkeypatch.setenv("SHARP_CACHE", str(cache))
    cache.write_text("a file")
    (finding,) = [each for each in doctor.space() if each.subject == "cache"]
    assert finding.level == "note" and "not a folder" in finding.text and "SHARP_CACHE" in finding.remedy
    cache.unlink()
    cache.mkdir()
    (cache / RELEASED.filename).write_bytes(b"cut short")
    (finding,) = [each for each in doctor.weights() if each.subject == "weights sharp"]
    assert "damaged" in finding.text and "sharp weights remove sharp" in finding.remedy


def test_a_torchvision_of_another_torch_is_a_problem_with_a_remedy(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(name: str) -> None:
        raise RuntimeError("operator torchvision::nms does not exist")

    monkeypatch.setattr(doctor.importlib, "import_module", refuse)
    (finding,) = [each for each in doctor.versions() if each.subject == "timm"]
    assert finding.level == "problem" and "torchvision" in finding.remedy
