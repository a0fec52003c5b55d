"""Weights files: from a name or a path to tensors that fit the network.

``catalog`` lists the known weights, ``store`` finds them on this machine, ``download`` downloads them, and
``resolve`` uses both to find a file. ``read`` and ``write`` convert between files and tensors; only they need torch.
"""
