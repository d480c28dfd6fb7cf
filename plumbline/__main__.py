"""`python -m plumbline` is the same as `plumb`."""

import sys

from plumbline.cli.main import main

sys.exit(main())
