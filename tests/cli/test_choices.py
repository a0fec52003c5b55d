"""The choices of options are the library's."""

from __future__ import annotations

from enum import StrEnum
from typing import Any, get_args

import pytest

from sharp_cli.cli import choices
from sharp_cli.formats.ply_layout import PlyLayout
from sharp_cli.formats.registry import FORMATS
from sharp_cli.model.precision import Precision
from sharp_cli.render.encode.encoder import Format
from sharp_cli.runtime.devices import Device

WRITABLE = {known.suffix.removeprefix(".") for known in FORMATS if known.writer}


@pytest.mark.parametrize(
    ("choice", "known"),
    [
        (choices.OutputFormat, WRITABLE),
        (choices.ExportFormat, WRITABLE | {"html"}),
        (choices.PlyLayout, get_args(PlyLayout)),
        (choices.VideoFormat, get_args(Format)),
        (choices.Device, get_args(Device)),
        (choices.Precision, get_args(Precision)),
    ],
    ids=lambda value: value.__name__ if isinstance(value, type) else "",
)
def test_options_offer_what_the_library_knows(choice: type[StrEnum], known: Any) -> None:
    assert {each.value for each in choice} == set(known)
