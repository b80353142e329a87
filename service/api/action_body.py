"""The body of a request that changes something: what is done to what, and why."""

from dataclasses import dataclass
from typing import Annotated, Any, TypeVar

import msgspec
from litestar.openapi.spec import OpenAPIMediaType, Operation, Reference, RequestBody
from msgspec import Meta, Struct

from service.api.endpoint import ApiRequest
from service.api.parameters import MAX_TEXT
from service.problems import Problem, invalid
from service.store.audit import Act
from service.telemetry import request_ids

MAX_BODY_BYTES = 1 << 16
"""More than the longest texts of a body take."""

_Reason = Annotated[
    str,
    Meta(
        max_length=MAX_TEXT,
        description="Why; `GET /v1/audit` shows it with the ids of the API key and of the request.",
    ),
]
Reason = _Reason | None

B = TypeVar("B", bound=Struct)


async def read_action(request: ApiRequest, kind: type[B]) -> B:
    """The body of a request; unknown members are refused.

    Raises:
        Problem: ``bad-request`` for what is not JSON; ``invalid-parameter``.
    """
    for name, given in request.query_params.multi_items():
        reason = f"{name}: unknown parameter. Give it in the body."
        raise invalid(reason, name, given, ("a member of the body",))
    known = kind.__struct_encode_fields__
    try:
        return msgspec.json.decode(await request.body(), type=kind)
    except msgspec.ValidationError as error:
        reason, _, path = str(error).partition(" - at `$")
        name = path.strip(".`").partition("[")[0]
        raise invalid(f"{name}: {reason}." if name else f"{reason}.", name, "", known) from None
    except (msgspec.MsgspecError, ValueError, RecursionError) as error:
        detail = f"The body is not a JSON object with {', '.join(known)}: {error}."
        raise Problem("bad-request", detail) from None


def act_of(request: ApiRequest, reason: str | None) -> Act:
    """The caller of a request, and why."""
    return Act("key", request.user.id, reason, request_ids.current())


def action_operation(kind: type[Struct], example: Struct, *statuses: int) -> type[Operation]:
    """What OpenAPI says of the body, with the problems that come of it, and further statuses."""
    schema: Any = msgspec.json.schema(kind)
    schema = schema["$defs"][kind.__name__]
    members = {
        name: {key: value for key, value in member.items() if key != "default"}
        for name, member in schema["properties"].items()
    }
    described = {
        "type": "object",
        "properties": members,
        "required": schema.get("required", []),
        "additionalProperties": False,
    }

    @dataclass
    class ActionOperation(Operation):
        """An operation with this body."""

        def __post_init__(self) -> None:
            media = OpenAPIMediaType(
                schema=described,  # type: ignore[arg-type]
                example=msgspec.to_builtins(example),
            )
            self.request_body = RequestBody(content={"application/json": media}, required=True)
            refused = {
                s: Reference(f"#/components/responses/{s}")
                for s in ("404", "413", *map(str, statuses))
            }
            self.responses = {**(self.responses or {}), **refused}

    return ActionOperation
