"""Results as a Markdown table."""

from __future__ import annotations

import math

from sharp_cli.evaluation.results import Results

ROWS = {
    "novel": "novel view, predicted",
    "plane": "novel view, photo on a plane",
    "photo": "novel view, photo unchanged",
    "input": "input view, predicted",
}
METRICS = {"psnr": "PSNR ↑", "ssim": "SSIM ↑", "lpips": "LPIPS ↓", "dists": "DISTS ↓"}
FORMS = {"psnr": "{:.2f}"}
AGAINST = {"plane": "photo on a plane", "photo": "photo unchanged"}


def to_markdown(results: Results) -> str:
    """Tables of what was measured: the pictures, the comparison with the baselines, the depth, the kinds of scene."""
    tables = (_pictures(results), _against(results), _depth(results), _kinds(results))
    return "\n\n".join(filter(None, tables)) + "\n"


def _pictures(results: Results) -> str:
    means = results.means
    names = [name for name in METRICS if any(name in means.get(row, {}) for row in ROWS)]
    head = [f"{results.scored} samples" + (f", {results.failed} failed" if results.failed else "")]
    rows = [
        [words, *(_number(means[row].get(name, math.nan), FORMS.get(name, "{:.3f}")) for name in names)]
        for row, words in ROWS.items()
        if row in means
    ]
    return _table([*head, *(METRICS[name] for name in names)], rows)


def _against(results: Results) -> str:
    rows = [
        [words, f"{found.share_better:.0%} of {found.scenes}", f"{found.gain_db:+.2f} dB"]
        for name, words in AGAINST.items()
        if (found := results.against.get(name)) is not None
    ]
    return _table(["novel view against", "better in", "mean gain"], rows) if rows else ""


def _depth(results: Results) -> str:
    depth = results.means.get("depth")
    if depth is None:
        return ""
    rows = [
        [words, _number(depth[f"abs_rel{kind}"]), _number(depth[f"delta{kind}"])]
        for kind, words in (("", "as predicted"), ("_aligned", "scaled to the true median"))
    ]
    return _table(["depth of the input view", "AbsRel ↓", "δ < 1.25 ↑"], rows)


def _kinds(results: Results) -> str:
    """Where the prediction is good and where it is not, the worst beside the plane last."""

    def gain(of_kind: Results) -> float:
        found = of_kind.against.get("plane")
        return found.gain_db if found else -math.inf

    rows = [
        [
            kind.replace("_", " "),
            str(found.scored),
            _number(found.means.get("novel", {}).get("psnr", math.nan), "{:.2f}"),
            _number(gain(found), "{:+.2f} dB"),
            _number(found.means.get("depth", {}).get("scale", math.nan), "{:.2f}"),
        ]
        for kind, found in sorted(results.kinds.items(), key=lambda item: -gain(item[1]))
    ]
    head = ["kind of scene", "samples", "novel PSNR ↑", "mean gain over the plane", "true / predicted distance"]
    return _table(head, rows) if rows else ""


def _number(value: float, form: str = "{:.3f}") -> str:
    return form.format(value) if math.isfinite(value) else "–"


def _table(head: list[str], rows: list[list[str]]) -> str:
    rule = ["---", *["---:"] * (len(head) - 1)]
    return "\n".join("| " + " | ".join(row) + " |" for row in [head, rule, *rows])
