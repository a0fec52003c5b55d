"""A part of a batch for each of several machines: which inputs are whose, without asking each other."""

from __future__ import annotations

import hashlib
import os
import unicodedata
from collections.abc import Mapping
from dataclasses import dataclass

from sharp_cli.errors import SharpError

SOURCES = (
    ("SLURM_ARRAY_TASK_ID", "SLURM_ARRAY_TASK_COUNT", "SLURM_ARRAY_TASK_MIN"),
    ("JOB_COMPLETION_INDEX", "JOB_COMPLETIONS", None),
    ("AWS_BATCH_JOB_ARRAY_INDEX", "AWS_BATCH_JOB_ARRAY_SIZE", None),
    ("RANK", "WORLD_SIZE", None),
)
"""Variables that give a process its index, how many there are, and, for Slurm, the first index."""


@dataclass(frozen=True)
class Shard:
    """Part ``index`` of ``count``, counted from 0."""

    index: int
    count: int

    def holds(self, key: str) -> bool:
        """Whether an input belongs to this part: by a hash of its key, a :attr:`~sharp_cli.batch.task.Job.key` or an
        address. Accents count the same whichever way a file system writes them."""
        digest = hashlib.blake2b(os.fsencode(unicodedata.normalize("NFC", key)), digest_size=8).digest()
        return int.from_bytes(digest, "big") % self.count == self.index

    def __str__(self) -> str:
        return f"{self.index}/{self.count}"


def parse_shard(text: str, environment: Mapping[str, str] = os.environ) -> Shard:
    """Parse ``i/n``, or take ``auto`` from a job scheduler's environment.

    Args:
        text: ``0/8`` to ``7/8``, or ``auto``.
        environment: where ``auto`` looks: Slurm arrays, indexed Kubernetes jobs, AWS Batch arrays, torchrun.

    Raises:
        SharpError: neither, or no scheduler's variables.
    """
    if text == "auto":
        return _from_environment(environment)
    index, slash, count = text.partition("/")
    try:
        shard = Shard(int(index), int(count))
    except ValueError:
        shard = Shard(0, 0)
    if not slash or not 0 <= shard.index < shard.count:
        raise SharpError(f"invalid shard {text!r} (use I/N with I from 0 to N - 1, such as 0/8, or auto)")
    return shard


def _from_environment(environment: Mapping[str, str]) -> Shard:
    for index_name, count_name, first_name in SOURCES:
        if index_name in environment and count_name in environment:
            first = environment.get(first_name, "0") if first_name else "0"
            try:
                shard = Shard(int(environment[index_name]) - int(first), int(environment[count_name]))
            except ValueError:
                shard = Shard(0, 0)
            if not 0 <= shard.index < shard.count:
                values = f"{index_name}={environment[index_name]}, {count_name}={environment[count_name]}"
                raise SharpError(f"the shard from {values} is invalid (give it as I/N)")
            return shard
    known = ", ".join(index for index, _, _ in SOURCES)
    raise SharpError(f"no scheduler's shard found: none of {known} is set (give the shard as I/N)")
