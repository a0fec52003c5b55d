"""File name endings of photos. The one list, for batches, training, and everything else that searches folders."""

PHOTO_SUFFIXES = frozenset(
    {
        *(".jpg", ".jpeg", ".jpe", ".jfif", ".mpo"),
        *(".heic", ".heif", ".hif", ".avif"),
        *(".png", ".webp", ".gif", ".bmp"),
        *(".tif", ".tiff"),
    }
)
"""Lower case, with the dot. A file that is named outright is judged by its content alone."""
