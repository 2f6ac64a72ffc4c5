"""The command line, ``tim-async`` or ``python -m tim_async``: needs the extra ``tim-async[cli]``."""

import sys
from importlib.util import find_spec

__all__ = ["main"]


def main() -> int:
    """Run the command line with the arguments of the process.

    Returns:
        0: all is well. 1: some accounts did not end `Ok`. 2: the command, the input or the credentials are wrong, or a
        single call failed. 130 (129, 143): interrupted by Ctrl-C (by the signals HUP, TERM).
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
