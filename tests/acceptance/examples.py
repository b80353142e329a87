"""The examples of the OpenAPI document: what a service answers that was told the estate.

``python -m tests.acceptance.examples`` asks one and writes them; a test holds them to the answers.
"""

import asyncio
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgspec

import service
from service.database.embedded import embedded
from service.store.roles import SERVICE, set_up_role
from tests.acceptance import compared, estate, previewed
from tests.acceptance.doors import CONFIG
from tests.acceptance.service import Service, new_key
from tests.acceptance.walk import POSTED, questions
from tests.builders import SECRET

FILE = Path(service.__file__).parent / "api" / "examples.json"


def asked(
    document: dict[str, Any], ask: Callable[[str], Any], post: Callable[[str, Any], Any]
) -> dict[str, Any]:
    """The answer to each question, by its operation id; of a page the first entry."""
    found: dict[str, Any] = {}
    # first, since what is acknowledged shows in other answers
    answers = {name: post(path, content) for name, (path, content) in POSTED.items()}
    answers |= {name: ask(path) for name, path in questions(document, ask).items()}
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
        (here / "daybook.toml").write_text(CONFIG)
        with embedded(here / "data") as server:
            asyncio.run(set_up_role(server.url, SERVICE))
            url = server.url_of(SERVICE)
            running = Service(here, env={"DAYBOOK_DATABASE_URL": url}).start()
            try:
                found = _found(running, url)
            finally:
                running.stop()
    FILE.write_bytes(msgspec.json.format(msgspec.json.encode(found), indent=1) + b"\n")


def _found(running: Service, url: str) -> dict[str, Any]:
    key = new_key(url, "live", "read,audit,admin")
    contents = estate.told()
    for content in contents:
        running.deliver("live", SECRET, content).raise_for_status()
    running.await_position(key, len(contents))
    compared.keep(url, "live")
    previewed.keep(url, "live")
    headers = {"authorization": f"Bearer {key}"}

    def ask(path: str) -> Any:  # noqa: ANN401 - as JSON is
        return running.client.get(path, headers=headers).raise_for_status().json()

    def post(path: str, content: Any) -> Any:  # noqa: ANN401 - as JSON is
        answer = running.client.post(path, headers=headers, json=content)
        return answer.raise_for_status().json()

    return asked(ask("/schema/openapi.json"), ask, post)


if __name__ == "__main__":
    main()
