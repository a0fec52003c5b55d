"""3DGS ``.ply`` files: what viewers share, the original's full form, and the published tool's (spec/network.md §9).

``ply_header`` (what a file promises) → ``ply_rows`` (its values) → ``ply_read``; ``ply_write`` is the way back, and
``ply_layout`` holds the names that both use.
"""

from sharp_cli.formats.ply_header import read_facts
from sharp_cli.formats.ply_layout import VERTEX, PlyLayout
from sharp_cli.formats.ply_read import read_ply
from sharp_cli.formats.ply_write import write_ply

__all__ = ["VERTEX", "PlyLayout", "read_facts", "read_ply", "write_ply"]
