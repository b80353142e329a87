"""``POST /v1/evidence``: a bundle of evidence, as ``daybook evidence`` makes it."""

from dataclasses import dataclass
from typing import Any

import msgspec
from litestar import post
from litestar.openapi.spec import OpenAPIMediaType, Operation, Reference, RequestBody
from msgspec import Struct

from service.api.disputes import response_days
from service.api.endpoint import POSITION, ApiRequest, ApiResponse, pooled, settled
from service.api.parameters import MAX_TEXT
from service.api.query import Query, parameters, parse_query
from service.evidence.case import KINDS, Kind, Question
from service.evidence.signing import make_signed_evidence
from service.http.services import services
from service.problems import Problem, invalid

DIGEST = "daybook-evidence-digest"
"""The header with the digest of a bundle, by which any byte that was changed is found."""

UNCOVERED = "daybook-evidence-uncovered"
"""The header with the number of events that no checkpoint covers yet."""

_MEDIA = "application/zip"
_MAX_BODY_BYTES = 1 << 14
_EXAMPLE = {"kind": "dispute", "id": "dp_1"}


class _Body(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What the bundle is about; ``min_position`` and ``stale`` are texts as in a query."""

    kind: Kind
    id: str
    min_position: str | None = None
    stale: str | None = None


_DECODER = msgspec.json.Decoder(_Body)


@dataclass
class EvidenceOperation(Operation):
    """What OpenAPI says of the body, the headers and the problems that come of it."""

    def __post_init__(self) -> None:
        """Add the body, described by the parameters that its members are parsed as."""
        described = {
            "kind": {"type": "string", "description": "What it is about.", "enum": list(KINDS)},
            "id": {
                "type": "string",
                "description": "The id of the resource, or of the customer.",
                "minLength": 1,
                "maxLength": MAX_TEXT,
            },
        } | {
            name: {
                "description": parameter.description,
                "anyOf": [*parameter.schema.get("anyOf", [parameter.schema]), {"type": "null"}],
            }
            for name, parameter in parameters(Query).items()
        }
        schema: Any = {
            "type": "object",
            "properties": described,
            "required": ["kind", "id"],
            "additionalProperties": False,
        }
        media = OpenAPIMediaType(schema=schema, example=_EXAMPLE)
        self.request_body = RequestBody(content={"application/json": media}, required=True)
        refused = {s: Reference(f"#/components/responses/{s}") for s in ("404", "413", "422")}
        self.responses = {**(self.responses or {}), **refused}


@post(
    "/evidence",
    operation_id="make_evidence",
    summary="Make a bundle of evidence about a dispute, a payment, a subscription or a customer",
    description="A ZIP with a page for people, the events with their exact bodies and headers,"
    " their proofs, and a script that checks all of it without this service."
    " `Daybook-Evidence-Digest` pins every byte of it: tell it to the reader by another way."
    " `Daybook-Evidence-Uncovered` is how many events no checkpoint covers yet; they are signed"
    " first where this host can. The same question makes the same bytes while no event is recorded"
    " and no anchor takes a checkpoint.",
    tags=["proof"],
    status_code=200,
    request_max_body_size=_MAX_BODY_BYTES,
    operation_class=EvidenceOperation,
    media_type=_MEDIA,
    response_headers={"cache-control": "no-store"},
    opt={"scope": "audit"},
)
async def make_evidence(request: ApiRequest) -> ApiResponse[Any]:
    """What somebody checks who trusts neither us nor the merchant."""
    question = await _read_body(request)
    book = request.user.book
    async with pooled(request) as conn:
        made, _ = await make_signed_evidence(
            conn, book, question, response_days(request), services(request).signing
        )
    headers = {
        POSITION: str(made.position),
        DIGEST: made.digest,
        UNCOVERED: str(len(made.uncovered)),
        "content-disposition": 'attachment; filename="evidence.zip"',
        "x-content-type-options": "nosniff",
    }
    return ApiResponse(made.archive, media_type=_MEDIA, headers=headers)


async def _read_body(request: ApiRequest) -> Question:
    """The question in a body, once the read models reflect its ``min_position``.

    Raises:
        Problem: ``bad-request`` for what is not JSON; ``invalid-parameter``; as ``settled``.
    """
    for name, given in request.query_params.multi_items():
        reason = f"{name}: unknown parameter. Give it in the body."
        raise invalid(reason, name, given, ("a member of the body",))
    try:
        body = _DECODER.decode(await request.body())
    except msgspec.ValidationError as error:
        reason, _, path = str(error).partition(" - at `$.")
        name = path.strip("`")
        allowed = KINDS if name == "kind" else _Body.__struct_fields__
        raise invalid(f"{f'{name}: ' if name else ''}{reason}.", name, "", allowed) from None
    except (msgspec.MsgspecError, ValueError, RecursionError) as error:
        example = msgspec.json.encode(_EXAMPLE).decode()
        raise Problem("bad-request", f"The body is not JSON such as {example}: {error}.") from None
    if not 1 <= len(body.id) <= MAX_TEXT:
        allowed_length = f"1 to {MAX_TEXT} characters"
        reason = f"id: has {len(body.id):,} characters. Use {allowed_length}."
        raise invalid(reason, "id", body.id[:MAX_TEXT], (allowed_length,))
    given = [(name, getattr(body, name)) for name in ("min_position", "stale")]
    await settled(request, parse_query(Query, [(k, v) for k, v in given if v is not None]))
    return Question(body.kind, body.id)
