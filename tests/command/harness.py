"""Small harness of the command tests: functions called test_* run one after the other, each in a folder of its own."""
import os
import subprocess
import sys
import tempfile
import traceback

SOURCE = os.path.abspath(os.path.join(os.path.dirname(__file__), "..", ".."))
DATA = os.path.join(SOURCE, "tests", "data")
SHARED = os.environ.get("CLIPSEG_TEST_DATA", os.path.join(SOURCE, "..", "shared"))  # may be missing
MODEL = os.path.join(DATA, "tiny-refined")
PICTURE = os.path.join(DATA, "picture.png")
EXAMPLE = os.path.join(DATA, "example.png")
CLIPSEG = os.environ.get("CLIPSEG", os.path.join(SOURCE, "build", "release", "clipseg"))


class Skip(Exception):
    """The test cannot run here; the text says why."""


def clipseg(*arguments, model=MODEL, stdin=None, env=None, cwd=None, timeout=120, **more):
    """Run the command; stdout and stderr as bytes. model: what $CLIPSEG_MODEL says, None for nothing."""
    environment = {k: v for k, v in os.environ.items() if k not in ("CLIPSEG_MODEL",)}
    if model:
        environment["CLIPSEG_MODEL"] = model
    environment.update(env or {})
    return subprocess.run([CLIPSEG, *map(str, arguments)], input=stdin, capture_output=True, env=environment, cwd=cwd,
                          timeout=timeout, check=False, **more)


def check_failure(result, code, *words):
    """The exit code, exactly one line on stderr, nothing on stdout, and what the line must say."""
    text = result.stderr.decode()
    assert result.returncode == code, f"exit {result.returncode}, want {code}: {text}"
    assert text.endswith("\n") and text.count("\n") == 1, f"not one line: {text!r}"
    assert result.stdout == b"", result.stdout[:200]
    for word in words:
        assert word in text, f"{word!r} is not in {text!r}"


def check_success(result):
    assert result.returncode == 0, f"exit {result.returncode}: {result.stderr.decode()}"
    return result


def main(module):
    failed = False
    for name, function in list(vars(module).items()):
        if not name.startswith("test_"):
            continue
        before = os.getcwd()
        with tempfile.TemporaryDirectory() as folder:
            os.chdir(folder)
            try:
                function()
                print(f"ok {name}")
            except Skip as reason:
                print(f"skip {name}: {reason}")
            except Exception:  # whatever it was, it is a failure with a trace
                traceback.print_exc(file=sys.stdout)
                print(f"FAIL {name}")
                failed = True
            finally:
                os.chdir(before)
        sys.stdout.flush()
    sys.exit(failed)
