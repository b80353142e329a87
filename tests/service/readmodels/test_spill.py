"""What a rebuild leaves on disk comes back as it was."""

from pathlib import Path

from domain.catalog import BY_CATEGORY
from service.readmodels import spill


def test_frames_of_every_category_come_back(tmp_path: Path) -> None:
    left = {category: category.encode() * n for n, category in enumerate(BY_CATEGORY)}
    spill.append(tmp_path, 3, left)
    spill.append(tmp_path, 3, {"last": b"\0"})
    spill.append(tmp_path, 4, {"elsewhere": b""})
    assert dict(spill.frames(tmp_path, 3)) == {**left, "last": b"\0"}
    spill.remove(tmp_path, 3)
    assert list(spill.frames(tmp_path, 3)) == []
