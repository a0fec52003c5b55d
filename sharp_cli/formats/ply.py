"""3DGS ``.ply`` files: the common layout, the original's full one, and the published tool's (docs/network.md §9).

Reading goes ``ply_header`` (what a file declares) → ``ply_rows`` (its values) → ``ply_read``, and ``compressed_ply`` if
the rows are packed. ``ply_write`` is the way back; ``ply_layout`` holds the names that both use.
"""

from sharp_cli.formats.ply_header import read_facts
from sharp_cli.formats.ply_layout import VERTEX, PlyLayout
from sharp_cli.formats.ply_read import read_ply
from sharp_cli.formats.ply_write import write_ply

__all__ = ["VERTEX", "PlyLayout", "read_facts", "read_ply", "write_ply"]
