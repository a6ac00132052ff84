"""Running a test script: exit status 0 passed, 1 failed, 77 skipped."""
import os
import sys
import unittest

SKIPPED = 77

# Builds that are watched by a sanitizer are slower.
DEADLINE_S = 20 * float(os.environ.get("CK_TIMEOUT_MULTIPLIER", "1"))


def without(peer):
    """Ends the script if the user asked not to use this peer."""
    if peer in os.environ.get("PLAIT_WITHOUT", "").split():
        print(f"without {peer}")
        sys.exit(SKIPPED)


def main():
    """Runs the tests of the script itself."""
    unittest.main(module="__main__", verbosity=2)
