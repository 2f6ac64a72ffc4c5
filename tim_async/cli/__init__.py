"""The command line, ``tim-async`` or ``python -m tim_async``: needs the extra ``tim-async[cli]``."""

import sys
from importlib.util import find_spec

__all__ = ["main"]


def main() -> int:
    """Run the command line with the arguments of the process.

    Returns:
        The exit code; `tim_async.cli.exits` has the table.
    """
    missing = [name for name in ("click", "rich") if find_spec(name) is None]
    if missing:
        needs = " and ".join(missing)
        sys.stderr.write(f"tim-async: the command line needs {needs}; get it with: pip install 'tim-async[cli]'\n")
        return 2
    try:
        from .app import run

        return run()
    except KeyboardInterrupt:
        # It came while modules were imported: later ones are told where they are caught.
        sys.stderr.write("tim-async: interrupted\n")
        return 130
