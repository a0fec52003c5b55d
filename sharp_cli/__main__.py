"""``python -m sharp_cli`` is ``sharp``."""

from sharp_cli.cli import main

if __name__ == "__main__":
    main()
