"""How much memory this process has used."""

import resource
import sys


def peak_rss_gb() -> float:
    """The largest resident size of this process so far, in GB."""
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak / (1e9 if sys.platform == "darwin" else 1e6)
