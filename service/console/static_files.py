"""The stylesheet, the script and the icon: read once, named by their content, kept for long."""

from hashlib import blake2b
from importlib.resources import files

from litestar import Response, get

from service.console.responses import HEADERS
from service.problems import Problem

_TYPES = {
    "console.css": "text/css",
    "console.js": "text/javascript",
    "icon.svg": "image/svg+xml",
}
_FILES = {name: files("service.console").joinpath("static", name).read_bytes() for name in _TYPES}

VERSION = blake2b(b"".join(_FILES.values()), digest_size=6).hexdigest()
"""Changes with any of the files, so that browsers may keep them for a year."""


@get("/-/static/{version:str}/{name:str}", opt={"is_static": True})
async def get_static(version: str, name: str) -> Response[bytes]:
    """One file; of an older version too, for a page that was open during an update."""
    if name not in _FILES:
        raise Problem("not-found", f"There is no file {name!r}.")
    kept = "public, max-age=31536000, immutable" if version == VERSION else "no-cache"
    headers = {**HEADERS, "cache-control": kept}
    return Response(_FILES[name], media_type=_TYPES[name], headers=headers)
