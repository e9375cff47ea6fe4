"""Debian's own check of the package."""
import glob
import os
import shutil
import subprocess
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "command"))
from harness import SOURCE, Skip, main  # noqa: E402

BUILD = os.environ.get("CLIPSEG_BUILD", os.path.join(SOURCE, "build", "release"))


def test_lintian_finds_no_error():
    if not shutil.which("lintian"):
        raise Skip("lintian is not installed")
    subprocess.run(["cpack", "--config", os.path.join(BUILD, "CPackConfig.cmake"), "-B", "."], check=True,
                   capture_output=True)
    package, = glob.glob("*.deb")
    result = subprocess.run(["lintian", package], capture_output=True, text=True, check=False)
    # the project has no mailbox of its own
    errors = [line for line in result.stdout.splitlines() if line.startswith("E:") and "bogus-mail-host" not in line]
    assert not errors, errors


if __name__ == "__main__":
    main(sys.modules[__name__])
