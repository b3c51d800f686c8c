"""What holds for every test: examples are searched without a deadline, and always the same ones on the CI machine.

That sockets reach this machine only, the time limit of each test, and which ones are left out until they are asked
for by name stand in pyproject.toml. Fixtures belong to the folder that needs them.
"""

from __future__ import annotations

import os

from hypothesis import settings

settings.register_profile("here", deadline=None)
settings.register_profile("ci", deadline=None, derandomize=True, print_blob=True)
settings.load_profile("ci" if os.environ.get("CI") else "here")
