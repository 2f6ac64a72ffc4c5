"""``python -m tim_async`` is ``tim-async``."""

import sys

from .cli import main

sys.exit(main())
