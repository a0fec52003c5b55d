"""Weights files: from a name or a path to tensors that fit the network.

``catalog`` lists the weights we know, ``store`` finds them on this machine, ``download`` fetches them,
``resolve`` does what is needed of both, ``read`` and ``write`` turn files into tensors and back. Only the last two
need torch.
"""
