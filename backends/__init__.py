"""Compute counterfactuals; nothing here knows of the page."""

import os

# OpenMP reads these once, when torch is loaded, so they are set before anything else is imported.
# By default its threads spin while they wait for each other: beside any other work on the machine
# that multiplies the time, and on an idle one it gains nothing. A person's own choice stands.
if not {"OMP_WAIT_POLICY", "GOMP_SPINCOUNT", "KMP_BLOCKTIME"} & set(os.environ):
    os.environ["OMP_WAIT_POLICY"] = "PASSIVE"
    os.environ["KMP_BLOCKTIME"] = "0"  # the same for LLVM's and Intel's OpenMP (macOS, Windows)
