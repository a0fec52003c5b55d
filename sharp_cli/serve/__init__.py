"""A service that keeps the network in memory: photos in over HTTP, splats out.

``app`` answers requests, ``jobs`` queues them, ``worker`` runs the network in a process of its own (``convert``), so
that a photo that ends it does not end the service. Needs the extra ``serve``.
"""
