"""The one exception for what a user can cause and mend."""


class SharpError(Exception):
    """A failure told in one clear sentence, with a way out where there is one.

    The command line prints the message without a traceback and ends with exit code 1.
    """
