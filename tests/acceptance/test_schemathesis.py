"""Requests made up from the OpenAPI document: no 500, and no answer that breaks its schema."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from tests.acceptance.doors import Doors
from tests.acceptance.walk import POSTED, questions


@pytest.mark.slow
def test_no_made_up_request_is_answered_wrongly(told: Doors, tmp_path: Path) -> None:
    # a position that is never reached is waited for
    (tmp_path / "schemathesis.toml").write_text(
        '[parameters]\n"query.min_position" = "1"\n'
        # what fits no schema may also be too long for a request's head
        "[checks.negative_data_rejection]\n"
        'expected-statuses = [400, 401, 403, 404, 405, 406, 409, 414, 415, 422, 428, 429, "5xx"]\n'
    )
    document = told.service.client.get("/schema/openapi.json").json()
    for name, schema in document["components"]["schemas"].items():
        # `fields` selects some of what is required, which no schema can say
        if name != "Problem":
            schema.pop("required", None)
    (tmp_path / "openapi.json").write_text(json.dumps(document))
    done = subprocess.run(
        [
            str(Path(sys.executable).with_name("schemathesis")), "run",
            "openapi.json", "--url", f"http://127.0.0.1:{told.service.port}",
            "--header", f"Authorization: Bearer {told.live}",
            "--generation-deterministic", "--max-examples", "3",
            "--workers", "1",
            "--exclude-operation-id", "stream_changes",  # it never ends
            "--exclude-operation-id", "revoke_key",  # it would revoke its own
            "--phases", "examples,coverage,fuzzing", "--no-color",
            # a cursor that we did not give, and a moment to come, fit their schemas and are refused
            "--exclude-checks", "positive_data_acceptance",
        ],
        cwd=tmp_path, capture_output=True, text=True, check=False, timeout=600,
    )  # fmt: skip

    assert done.returncode == 0, done.stdout


def test_what_exists_is_answered_as_described(told: Doors) -> None:
    # not at the top, where it would take a second of each process that collects this
    import schemathesis  # noqa: PLC0415

    client = told.service.client
    document = client.get("/schema/openapi.json").json()
    schema = schemathesis.openapi.from_dict(document)
    asked = questions(document, lambda path: client.get(path, headers=auth(told)).json())
    assert len(asked) > 30
    for operation_id, path in asked.items():
        answer = client.get(path, headers=auth(told))
        assert answer.status_code == 200, (path, answer.text)
        schema.find_operation_by_id(operation_id).validate_response(answer)
    for operation_id, (path, content) in POSTED.items():
        answer = client.post(path, headers=auth(told), json=content)
        assert answer.status_code == 200, (path, answer.text)
        schema.find_operation_by_id(operation_id).validate_response(answer)


def auth(told: Doors) -> dict[str, str]:
    return {"authorization": f"Bearer {told.live}"}
