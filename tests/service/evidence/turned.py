"""Turns bits of a bundle's files, one at a time, and checks it after each.

``python -I -S turned.py DIRECTORY FIRST STEP`` looks at the bytes of each file from FIRST on, in
steps, or at a few with the step 0. It prints each with which the check passes though a bit of it
was turned, and how many were turned.

A child is forked for each, since starting an interpreter takes longer than the check.
"""

import contextlib
import io
import os
import runpy
import signal
import sys
from pathlib import Path

# what the script imports, so that no child has to
import argparse, atexit, base64, binascii, calendar, hashlib, json, re, struct, time  # noqa: E401, F401  # isort: skip


def run(script: Path) -> None:
    """Run the script as a process of its own would."""
    signal.alarm(20)
    sys.argv = [str(script)]
    sys.stdout = sys.stderr = io.StringIO()
    status: object = 0
    try:
        runpy.run_path(str(script), run_name="__main__")
    except SystemExit as end:
        status = end.code
    except BaseException:  # noqa: BLE001 - as the interpreter does
        status = 1
    with contextlib.suppress(Exception):
        # it may end the process itself
        atexit._run_exitfuncs()
    os._exit(status if isinstance(status, int) else 1)


def passes(script: Path) -> bool:
    child = os.fork()
    if not child:
        run(script)
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0


def turn(script: Path, file: Path, places: range) -> int:
    """Turn a bit of each of these bytes; says with which the check passes."""
    content = file.read_bytes()
    for n in places:
        # never the highest bit of the script, which would no longer be text
        turned = content[n] ^ 1 << n % (7 if file == script else 8)
        file.write_bytes(content[:n] + bytes([turned]) + content[n + 1 :])
        if passes(script):
            sys.stdout.write(f"{file.name} {n} {content[max(n - 20, 0) : n + 20]!r}\n")
    file.write_bytes(content)
    return len(places)


def main(directory: str, first: str, step: str) -> None:
    script, count = Path(directory, "verify.py"), 0
    assert passes(script)
    for file in sorted(one for one in Path(directory).rglob("*") if one.is_file()):
        size = file.stat().st_size
        few = size // (12 if file.name in {"SHA256SUMS", "verify.py"} else 1) + 1
        count += turn(script, file, range(int(first) % size, size, int(step) or few))
    sys.stdout.write(f"{count} turned\n")


if __name__ == "__main__":
    main(*sys.argv[1:])
