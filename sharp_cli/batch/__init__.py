"""Many files in, many files out.

The words a user gives become jobs (``inputs``, ``targets``, ``jobs``). A ``task`` says what to do with each;
``convert`` and ``render`` are its implementations. The ``pipeline`` runs the jobs and emits ``events``. ``provenance``
decides what is done already and what may be replaced, and ``manifest`` records the run as JSON.
"""
