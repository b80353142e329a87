"""The examples of the OpenAPI document: what a service answers that was told the estate.

``python -m tests.acceptance.examples`` asks one and writes them; a test holds them to the answers.
"""

import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgspec

import service
from tests.acceptance import estate
from tests.acceptance.service import Service
from tests.acceptance.walk import POSTED, questions

FILE = Path(service.__file__).parent / "api" / "examples.json"


def asked(
    document: dict[str, Any], ask: Callable[[str], Any], post: Callable[[str, Any], Any]
) -> dict[str, Any]:
    """The answer to each question, by its operation id; of a page the first entry."""
    found: dict[str, Any] = {}
    answers = {name: ask(path) for name, path in questions(document, ask).items()}
    answers |= {name: post(path, content) for name, (path, content) in POSTED.items()}
    for operation_id, answer in answers.items():
        if isinstance(answer, list):
            answer = answer[:1]  # noqa: PLW2901 - cut short
        elif isinstance(answer.get("data"), list):
            answer["data"] = answer["data"][:1]
        found[operation_id] = answer
    return found


def main() -> None:
    with tempfile.TemporaryDirectory(prefix="daybook-examples-") as made:
        here = Path(made)
        here.chmod(0o711)
        running = Service(here, "--data-dir", str(here / "data")).start()
        try:
            secret, key = running.find(r"SECRET=(\S+)"), running.find(r"KEY=(\S+)")
            contents = estate.told()
            for content in contents:
                running.deliver("test", secret, content).raise_for_status()
            running.await_position(key, len(contents))
            headers = {"authorization": f"Bearer {key}"}

            def ask(path: str) -> Any:  # noqa: ANN401 - as JSON is
                return running.client.get(path, headers=headers).raise_for_status().json()

            def post(path: str, content: Any) -> Any:  # noqa: ANN401 - as JSON is
                answer = running.client.post(path, headers=headers, json=content)
                return answer.raise_for_status().json()

            found = asked(ask("/schema/openapi.json"), ask, post)
        finally:
            running.stop()
    FILE.write_bytes(msgspec.json.format(msgspec.json.encode(found), indent=1) + b"\n")


if __name__ == "__main__":
    main()
