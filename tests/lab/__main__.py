# SPDX-License-Identifier: MIT
"""Runs a lab by hand: python3 -m lab VOLUME [FOREGATE]"""

import signal
import sys

from .lab import Lab

if len(sys.argv) not in (2, 3):
    sys.exit(__doc__)
signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
with Lab(*sys.argv[1:]) as lab:
    print(f"folder {lab.folder}\nmx {lab.mx}\nsubmission {lab.submission}\nstock mx {lab.stock_mx}\n"
          f"stock submission {lab.stock_submission}\nEnd with Ctrl-C.", flush=True)
    try:
        signal.pause()
    except KeyboardInterrupt:
        pass
