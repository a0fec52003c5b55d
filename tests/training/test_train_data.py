"""Which samples a step takes, and what is kept for validation."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from training_runs import posed_folder, tiny_config

from sharp_cli.errors import SharpError
from sharp_cli.scenes.config import SceneConfig
from sharp_cli.scenes.dataset import ScenePairs, seeds
from sharp_cli.training.config import DataConfig, TrainConfig
from sharp_cli.training.data import Deal, Ordered, held_out, training_samples


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
    synthetic = Ordered(ScenePairs("train", 64), None, 0)
    assert synthetic.describe([2, 3]) == f"synthetic scenes of seed {seeds('train')[2]}, {seeds('train')[3]}"
    later, last = (Ordered(ScenePairs("train", 64), None, seed) for seed in (1, 2**32))
    assert synthetic.place(10**7) < later.place(0) and last.place(10**7) in range(2**40)


def test_textures_that_cannot_be_used_are_found_before_the_first_step(tmp_path: Path):
    for textures, reason in ((tmp_path / "nowhere", "does not exist"), (tmp_path, "no readable photo")):
        with pytest.raises(SharpError, match=reason):
            training_samples(TrainConfig(data=DataConfig(scenes=SceneConfig(textures=textures))), 64)


def test_a_sample_that_a_worker_cannot_make_ends_the_run_in_one_sentence(tmp_path: Path):
    folder = posed_folder(tmp_path / "views")
    for path in folder.glob("*.png"):
        path.write_bytes(b"no picture")
    code = (
        "import sys; sys.path[:0] = sys.argv[1:2]\n"
        "from pathlib import Path; from training_runs import tiny_config\n"
        "import torch; from sharp_cli.errors import SharpError; from sharp_cli.training.loop import train\n"
        "try:\n    train(tiny_config(Path(sys.argv[2]), data={'workers': 1}), Path(sys.argv[3]), torch.device('cpu'))\n"
        "except SharpError as error:\n    print(error)\n    kept = error\n"
    )
    helpers = Path(__file__).parents[1] / "helpers"
    command = [sys.executable, "-c", code, str(helpers), str(folder), str(tmp_path / "run")]
    run = subprocess.run(command, capture_output=True, text=True, timeout=300)  # it used to hang at its end
    assert run.returncode == 0, run.stderr
    assert run.stdout.startswith("cannot read ") and run.stdout.count("\n") == 1
