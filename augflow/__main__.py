"""`python -m augflow` is `augflow`."""

import sys

from augflow.cli import main

sys.exit(main())
