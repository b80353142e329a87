"""The projector's process: it follows the books, and signs their checkpoints."""

from service.processes.link import Link
from service.proof import process as proof
from service.readmodels import process as projecting
from service.settings import Settings


def run(link: Link, settings: Settings, url: str) -> None:
    """Follow and sign until SIGTERM, or until the parent process ends."""
    projecting.run(link, settings, url, proof.start)
