"""Executes a notebook, and prints what its cells show: ``python execute.py tags.ipynb``."""

import sys
from typing import Any

import nbformat
from nbclient import NotebookClient

untyped: Any = nbformat
notebook = untyped.read(sys.argv[1], as_version=4)
# On loopback the kernel's word about unencrypted TCP tells nobody anything.
NotebookClient(notebook, timeout=120, kernel_name="python3", extra_arguments=["--log-level=ERROR"]).execute()
for cell in notebook.cells:
    for output in cell.get("outputs", ()):
        print(output.get("text") or output["data"]["text/plain"])
