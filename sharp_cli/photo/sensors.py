"""Sensor sizes of cameras with interchangeable lenses and a few others, from their makers' data sheets.

Only where a make's whole series shares a size, or a few names tell the sizes apart: the table is a witness against
files that contradict themselves, not a catalog.
"""

from __future__ import annotations

import re

FULL_FRAME = (36.0, 24.0)
CANON_APS_C, APS_H = (22.3, 14.9), (27.9, 18.6)
APS_C = (23.5, 15.6)
FOUR_THIRDS = (17.3, 13.0)
ONE_INCH = (13.2, 8.8)
MEDIUM = (43.8, 32.9)

SENSORS: tuple[tuple[str, str, tuple[float, float]], ...] = (
    ("canon", r"EOS[ -]?(1D ?[XC]|1Ds|[56]D|R[13568]|RP|Ra?)(m\d)?\b", FULL_FRAME),
    ("canon", r"EOS[ -]?(5DS|1D ?X|1Ds)", FULL_FRAME),
    ("canon", r"EOS[ -]?1D", APS_H),
    ("canon", r"EOS|Kiss|REBEL|PowerShot G1 X Mark III", CANON_APS_C),
    ("canon", r"PowerShot (G3 X|G5 X|G7 X|G9 X)", ONE_INCH),
    ("nikon", r"NIKON (D3[SX]?|D4S?|D5|D6|D6[01]0|D7[058]0|D8[015]0[AE]?|Df)\b", FULL_FRAME),
    ("nikon", r"NIKON Z ?(5|6|7|8|9|f)(II|_\d)?\b", FULL_FRAME),
    ("nikon", r"NIKON (D\d|Z ?(30|50|fc))", APS_C),
    ("nikon", r"NIKON 1 ", ONE_INCH),
    ("sony", r"ILCE-[179]|ILME-FX3|DSLR-A(850|900)|SLT-A99|ILCA-99|DSC-RX1(R|\b)|ZV-E1\b", FULL_FRAME),
    ("sony", r"ILCE-|NEX-|DSLR-A|SLT-A|ILCA-|ZV-E10", APS_C),
    ("sony", r"DSC-RX10|ZV-1", ONE_INCH),
    ("fujifilm", r"GFX", MEDIUM),
    ("fujifilm", r"FinePix ?S[1235] ?Pro|X-([TEHAM]|Pro)\d|X-S[12]\d|X100", APS_C),
    ("panasonic", r"DC-S\d", FULL_FRAME),
    ("panasonic", r"DM?C-(G\d|GF|GH|GX|GM|L1\b|L10\b)", FOUR_THIRDS),
    ("olympus|om digital", r"E-([135]|30|[3-6]\d\d)\b|E-[MP]|OM-", FOUR_THIRDS),
    ("pentax|ricoh", r"PENTAX K-1\b", FULL_FRAME),
    ("pentax|ricoh", r"PENTAX (K|\*ist)|^(RICOH )?GR( I+x?| IV)?$", APS_C),
    ("leica", r"M8", (27.0, 18.0)),
    ("leica", r"M9|M1[01]|M \(Typ|M Monochrom|\bQ[23]?\b|\bSL", FULL_FRAME),
    ("samsung", r"NX\d", APS_C),
    ("sigma", r"\bfp\b", FULL_FRAME),
    ("hasselblad", r"X1D|X2D|907X", MEDIUM),
)
"""Make, model (both as patterns, whatever the case), width and height [mm]; the first that matches counts."""


def sensor_of(make: str, model: str) -> tuple[float, float] | None:
    """Width and height [mm] of a camera's sensor, if the table has it."""
    for maker, pattern, size in SENSORS:
        if re.match(maker, make, re.IGNORECASE) and re.search(pattern, model, re.IGNORECASE):
            return size
    return None
