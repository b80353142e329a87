"""``/console/{book}/evidence``: a bundle of evidence, as a file to be given away."""

from typing import Annotated

from litestar import Response, post
from litestar.enums import RequestEncodingType
from litestar.params import Body
from msgspec import Struct

from service.console.responses import HEADERS
from service.console.view import ConsoleRequest, view_of
from service.evidence.case import KINDS, Kind, Question
from service.evidence.signing import make_signed_evidence
from service.problems import Problem

_MAX_FORM_BYTES = 16 << 10
_MOST_CHARACTERS = 500


class EvidenceForm(Struct, frozen=True):
    """What the bundle is about."""

    kind: str = ""
    id: str = ""

    @property
    def question(self) -> Question:
        """The same, checked.

        Raises:
            Problem: ``invalid-parameter``.
        """
        kinds: dict[str, Kind] = {kind: kind for kind in KINDS}
        if self.kind not in kinds:
            raise Problem("invalid-parameter", f"kind: choose one of {', '.join(KINDS)}.")
        identity = self.id.strip()
        if not 1 <= len(identity) <= _MOST_CHARACTERS:
            raise Problem("invalid-parameter", "id: give the id of the resource or the customer.")
        return Question(kinds[self.kind], identity)


# a POST, since the book may be signed for it
@post("/{book:str}/evidence", request_max_body_size=_MAX_FORM_BYTES, status_code=200)
async def make_evidence(
    request: ConsoleRequest,
    data: Annotated[EvidenceForm, Body(media_type=RequestEncodingType.URL_ENCODED)],
) -> Response[bytes]:
    """The ZIP; its name ends with its digest, which is told by another way than the file."""
    view = view_of(request, "audit")
    question = data.question
    async with view.pooled() as conn:
        made, _ = await make_signed_evidence(
            conn, view.book, question, view.response_days, view.services.signing
        )
    about = "".join(c if c.isascii() and (c.isalnum() or c in "-_") else "-" for c in question.id)
    name = f"{question.kind}-{about[:80]}-{made.digest}.zip"
    headers = {**HEADERS, "content-disposition": f'attachment; filename="{name}"'}
    return Response(made.archive, media_type="application/zip", headers=headers)
