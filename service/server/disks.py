"""The file systems that this host writes to: their free space, for Prometheus."""

import shutil
from collections.abc import Iterable, Mapping
from contextlib import suppress
from pathlib import Path

from prometheus_client import Metric
from prometheus_client.core import GaugeMetricFamily


def disks(directories: Mapping[str, Path]) -> Iterable[Metric]:
    """The free and the whole space of each directory's file system, by the directory's name.

    A directory that does not exist yet counts as its nearest parent that does; one that cannot be
    looked at is left out.
    """
    free = GaugeMetricFamily(
        "daybook_disk_free_bytes", "Space that is left to this account.", labels=["directory"]
    )
    size = GaugeMetricFamily(
        "daybook_disk_size_bytes", "Size of the file system.", labels=["directory"]
    )
    for name, directory in directories.items():
        with suppress(OSError):
            usage = shutil.disk_usage(_existing(directory))
            free.add_metric([name], usage.free)
            size.add_metric([name], usage.total)
    return free, size


def _existing(directory: Path) -> Path:
    return next(path for path in (directory, *directory.absolute().parents) if path.exists())
