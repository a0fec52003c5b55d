"""Batches from and to an object store, on a store that fails now and then: nothing is lost, no object is partial."""

from __future__ import annotations

import json
from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pytest
from commands import sharp
from copying import Copy
from PIL import Image
from s3 import Faults, faulty, s3_server

from sharp_cli.batch.cloud import CloudTask, find_remote_jobs
from sharp_cli.batch.pipeline import run
from sharp_cli.batch.store import address_of, is_remote, open_store
from sharp_cli.batch.task import Work
from sharp_cli.errors import SharpError

SIZE = 300_000


def test_addresses_survive_being_paths() -> None:
    assert is_remote("s3://b/k.jpg") and is_remote(Path("s3://b/k.jpg")) and not is_remote("photos/s3/x.jpg")
    assert address_of(Path("s3://b/k.jpg")) == "s3://b/k.jpg"
    assert not is_remote("https://example.org/a.jpg") and not is_remote(None)


@pytest.mark.parametrize(
    ("address", "package", "remedy"),
    [
        ("s3://b/k", "s3fs", "'.[cloud]'"),
        ("s3a://b/k", "s3fs", "'.[cloud]'"),
        ("gs://b/k", "gcsfs", "pip install gcsfs"),
        ("gcs://b/k", "gcsfs", "pip install gcsfs"),
        ("az://b/k", "adlfs", "pip install adlfs"),
        ("abfss://b/k", "adlfs", "pip install adlfs"),
    ],
)
def test_a_store_names_the_package_that_is_missing(address: str, package: str, remedy: str) -> None:
    pytest.importorskip("fsspec", reason="needs the extra cloud")
    if find_spec(package):
        pytest.skip(f"{package} is installed")
    with pytest.raises(SharpError) as refused:
        open_store(address)
    assert package in str(refused.value) and remedy in str(refused.value)


class Double(Copy):
    """Writes the source twice over."""

    fingerprint = "double"

    def status(self, job: Any) -> tuple[Path, ...]:
        return () if job.target.exists() else (job.target,)

    def read(self, work: Work) -> bytes:
        content = work.job.source.read_bytes()
        if content == b"bad":
            raise SharpError(f"cannot read {work.job.source}: file is damaged")
        return content

    def write(self, work: Work, item: bytes, output: bytes) -> None:
        work.job.target.write_bytes(output)


@pytest.fixture
def memory() -> Iterator[Any]:
    """A store whose objects have no metadata."""
    fsspec = pytest.importorskip("fsspec", reason="needs the extra cloud")
    store = fsspec.filesystem("memory")
    store.store.clear()
    yield store
    store.store.clear()


def test_a_store_without_metadata_keeps_a_record_beside_each_result(memory: Any) -> None:
    memory.pipe_file("/b/in/a.jpg", b"one")
    task = CloudTask(Double())
    jobs = find_remote_jobs(task, ["memory://b/in"], Path("memory://b/out"))
    assert run(jobs, task).counts["made"] == 1 and run(jobs, task).counts["skipped"] == 1
    assert memory.find("/b/out") == ["/b/out/a.ply", "/b/out/a.ply.sharp.json"]
    memory.pipe_file("/b/in/a.jpg", b"two")
    assert run(jobs, task).counts["made"] == 1 and memory.cat_file("/b/out/a.ply") == b"twotwo"
    memory.pipe_file("/b/out/a.ply", b"other!")  # of the same size
    assert run(jobs, task).counts["failed"] == 1 and memory.cat_file("/b/out/a.ply") == b"other!"
    memory.rm_file("/b/out/a.ply.sharp.json")
    assert run(jobs, task).counts["failed"] == 1
    memory.rm_file("/b/out/a.ply")
    assert run(jobs, task).counts["made"] == 1


@pytest.mark.parametrize("lost", [1, 2])
def test_a_result_whose_record_was_cut_off_is_made_again(
    memory: Any, monkeypatch: pytest.MonkeyPatch, lost: int
) -> None:
    """The worker ends before the result, or before the record that says it is complete."""
    memory.pipe_file("/b/in/a.jpg", b"one")
    task = CloudTask(Double())
    jobs = find_remote_jobs(task, ["memory://b/in"], Path("memory://b/out"))
    assert run(jobs, task).counts["made"] == 1
    memory.pipe_file("/b/in/a.jpg", b"two")
    requests = iter(range(3))

    def cut(name: str) -> Any:
        whole = getattr(memory, name)

        def send(*arguments: Any, **words: Any) -> Any:
            if next(requests) >= lost:
                raise KeyboardInterrupt
            return whole(*arguments, **words)

        return send

    with monkeypatch.context() as patch:
        for name in ("pipe_file", "put_file"):
            patch.setattr(type(memory), name, staticmethod(cut(name)))
        with pytest.raises(KeyboardInterrupt):
            run(jobs, task)
    assert run(jobs, task).counts["made"] == 1 and memory.cat_file("/b/out/a.ply") == b"twotwo"
    assert run(jobs, task).counts["skipped"] == 1


def test_frames_and_records_stay_out_of_stores(memory: Any, tmp_path: Path) -> None:
    (tmp_path / "a.ply").write_bytes(b"splat")
    run = sharp("render", "a.ply", "-o", "memory://b/out", "--format", "png", cwd=tmp_path)
    assert run.returncode == 2 and "frames cannot go to an object store" in run.stderr
    words = ("export", "a.ply", "-o", "memory://b/out", "--format", "splat", "--json")
    for record, reason in (("memory://b/r.json", "local file"), ("a.ply", "it is an input")):
        run = sharp(*words, record, cwd=tmp_path)
        assert run.returncode == 2 and reason in " ".join(run.stderr.split()), run.stderr
    assert (tmp_path / "a.ply").read_bytes() == b"splat" and not memory.find("/")


@pytest.fixture(scope="module")
def port() -> Iterator[int]:
    pytest.importorskip("moto", reason="needs moto")
    pytest.importorskip("s3fs", reason="needs the extra cloud")
    with s3_server() as port:
        yield port


@pytest.fixture
def store(port: int, monkeypatch: pytest.MonkeyPatch, request: pytest.FixtureRequest) -> Iterator[Any]:
    """A bucket of the test's own, seen without faults."""
    import s3fs

    for name, value in {"ACCESS_KEY_ID": "k", "SECRET_ACCESS_KEY": "s", "DEFAULT_REGION": "us-east-1"}.items():
        monkeypatch.setenv(f"AWS_{name}", value)
    store = s3fs.S3FileSystem(
        endpoint_url=f"http://127.0.0.1:{port}", skip_instance_cache=True, use_listings_cache=False
    )
    store.bucket = f"b{abs(hash(request.node.name))}"
    store.mkdir(store.bucket)
    point_at(port, monkeypatch)
    yield store
    s3fs.S3FileSystem.clear_instance_cache()


def point_at(port: int, monkeypatch: pytest.MonkeyPatch) -> None:
    import s3fs

    monkeypatch.setenv("AWS_ENDPOINT_URL", f"http://127.0.0.1:{port}")
    s3fs.S3FileSystem.clear_instance_cache()


@pytest.mark.slow
def test_a_store_that_fails_loses_nothing(store: Any, port: int, monkeypatch: pytest.MonkeyPatch) -> None:
    names = [f"in/{index % 3}/p{index:02}.jpg" for index in range(24)]
    for index, name in enumerate(names):
        store.pipe_file(f"{store.bucket}/{name}", bytes([index]) * SIZE)
    store.pipe_file(f"{store.bucket}/in/bad.jpg", b"bad")
    store.pipe_file(f"{store.bucket}/in/notes.txt", b"x")
    faults = Faults(unavailable=0.15, slow=0.1, cut=0.1)
    task = CloudTask(Double())
    with faulty(port, faults) as proxy:
        point_at(proxy, monkeypatch)
        jobs = find_remote_jobs(task, [f"s3://{store.bucket}/in"], Path(f"s3://{store.bucket}/out"))
        assert len(jobs) == 25
        first = run(jobs, task)
        again = run(jobs, task)
    assert dict(first.counts) == {"made": 24, "failed": 1}, first
    assert dict(again.counts) == {"skipped": 24, "failed": 1}
    assert set(faults.happened) == {"unavailable", "slow", "cut"}
    results = sorted(store.find(f"{store.bucket}/out"))
    assert results == sorted(f"{store.bucket}/out/{name[3:-4]}.ply" for name in names)
    assert all(store.info(name)["size"] == 2 * SIZE for name in results)


@pytest.mark.slow
def test_what_changes_is_made_again_and_other_objects_stay(store: Any, tmp_path: Path) -> None:
    (tmp_path / "a.jpg").write_bytes(b"one")
    out = Path(f"s3://{store.bucket}/out")
    task = CloudTask(Double())
    jobs = find_remote_jobs(task, [str(tmp_path)], out)
    assert run(jobs, task).counts["made"] == 1 and run(jobs, task).counts["skipped"] == 1
    (tmp_path / "a.jpg").write_bytes(b"other")
    assert run(jobs, task).counts["made"] == 1
    assert store.cat_file(f"{store.bucket}/out/a.ply") == b"other" * 2
    store.pipe_file(f"{store.bucket}/out/a.ply", b"of somebody else")
    assert run(jobs, task).counts["failed"] == 1
    assert store.cat_file(f"{store.bucket}/out/a.ply") == b"of somebody else"
    assert not list(task._stage.iterdir())


@pytest.mark.slow
def test_convert_reads_and_writes_a_store(store: Any, tiny_weights: Path, tmp_path: Path) -> None:
    Image.new("RGB", (32, 24), "red").save(tmp_path / "a.jpg")
    store.put_file(str(tmp_path / "a.jpg"), f"{store.bucket}/in/sub/a.jpg")
    place = f"s3://{store.bucket}"
    words = ("convert", f"{place}/in", "--weights", tiny_weights, "--device", "cpu", "--json", "r.json")
    run = sharp(*words, "-o", f"{place}/out", cwd=tmp_path)
    assert run.returncode == 0, run.stderr
    assert f"{place}/in/sub/a.jpg → {place}/out/sub/a.ply" in run.stderr
    (item,) = json.loads((tmp_path / "r.json").read_text())["items"]
    assert (item["input"], item["output"]) == (f"{place}/in/sub/a.jpg", f"{place}/out/sub/a.ply")
    assert store.info(f"{store.bucket}/out/sub/a.ply")["size"] == item["bytes"]
    assert "1 skipped" in sharp(*words, "-o", f"{place}/out", cwd=tmp_path).stderr
    missing = sharp("convert", f"{place}/missing.jpg", "--weights", tiny_weights, "-o", "out", cwd=tmp_path)
    assert missing.returncode == 1 and f"{place}/missing.jpg" in missing.stderr
    local = sharp("export", f"{place}/out", "--format", "splat", "-o", "out", cwd=tmp_path)
    assert local.returncode == 0, local.stderr
    assert (tmp_path / "out" / "sub" / "a.splat").stat().st_size == 32 * 131_072
