"""Invoices and mails: what the provider has about a payment besides its resource."""

from collections.abc import Mapping
from datetime import timedelta
from typing import Any

from litestar import Response, get
from litestar.handlers import HTTPRouteHandler
from litestar.params import FromPath

from service.sandbox.errors import not_found
from service.sandbox.list_queries import PageQuery
from service.sandbox.lists import page, query_of
from service.sandbox.parts import SandboxRequest, parts_of

_KEPT = timedelta(days=180)
"""For so long the provider lists a mail and has its content."""

_POLICIES = {
    "requires_different_address": False,
    "resend_allowed": True,
    "resends_remaining": 3,
    "retry_allowed": False,
    "superseded": False,
}


def _payments(request: SandboxRequest) -> Mapping[str, Mapping[str, Any]]:
    rows: Mapping[str, Mapping[str, Any]] = parts_of(request).timeline.world.resources["payment"]
    return rows


@get("/invoices/payments/{payment_id:str}")
async def get_invoice(request: SandboxRequest, payment_id: FromPath[str]) -> Response[bytes]:
    """The invoice of a payment, as PDF."""
    payment = _payments(request).get(payment_id)
    if payment is None:
        raise not_found(f"Payment {payment_id!r}")
    total = f"{payment['currency']} {payment['total_amount']}"
    return Response(_pdf(f"Invoice of {payment_id}: {total}"), media_type="application/pdf")


@get("/customers/{customer_id:str}/emails")
async def list_mails(request: SandboxRequest, customer_id: FromPath[str]) -> dict[str, list[Any]]:
    """The mails that were sent to a customer, the latest first."""
    if customer_id not in parts_of(request).timeline.world.resources["customer"]:
        raise not_found(f"Customer {customer_id!r}")
    query = query_of(PageQuery, dict(request.query_params.items()))
    now = parts_of(request).timeline.now
    rows = [
        _mail(one)
        for one in _payments(request).values()
        if one["customer"]["customer_id"] == customer_id
        and one["status"] == "succeeded"
        and one["created_at"] > now - _KEPT
    ]
    return {"items": page(rows, query)}


def _mail(payment: Mapping[str, Any]) -> dict[str, Any]:
    return {
        "email_log_id": f"eml_{payment['payment_id']}",
        "category": "payments",
        "email_type": "payment_successful",
        "created_at": payment["created_at"],
        "has_preview": True,
        "policies": _POLICIES,
        "status": "delivered",
        "failure_code": None,
        "failure_reason": None,
        "from": "receipts@example.com",
        "recipient": payment["customer"]["email"],
        "subject": "Your receipt",
    }


@get("/customers/{customer_id:str}/emails/{mail_id:str}/body")
async def get_mail(
    request: SandboxRequest, customer_id: FromPath[str], mail_id: FromPath[str]
) -> dict[str, Any]:
    """The content of a mail."""
    payment = _payments(request).get(mail_id.removeprefix("eml_"))
    if payment is None or payment["customer"]["customer_id"] != customer_id:
        raise not_found(f"Email {mail_id!r}")
    content = f"Thank you for your payment {payment['payment_id']}."
    return {
        "merchant_authored": False,
        "failure_code": None,
        "failure_reason": None,
        "html": f"<p>{content}</p>",
        "text": content,
    }


def _pdf(line: str) -> bytes:
    """The smallest PDF with a line of text."""
    drawn = f"BT /F1 12 Tf 72 720 Td ({line}) Tj ET".encode()
    objects = (
        b"<</Type/Catalog/Pages 2 0 R>>",
        b"<</Type/Pages/Kids[3 0 R]/Count 1>>",
        b"<</Type/Page/Parent 2 0 R/MediaBox[0 0 595 842]/Contents 4 0 R/Resources 6 0 R>>",
        b"<</Length %d>>stream\n%b\nendstream" % (len(drawn), drawn),
        b"<</Type/Font/Subtype/Type1/BaseFont/Helvetica>>",
        b"<</Font<</F1 5 0 R>>>>",
    )
    content, offsets = b"%PDF-1.4\n", []
    for number, one in enumerate(objects, 1):
        offsets.append(len(content))
        content += b"%d 0 obj\n%b\nendobj\n" % (number, one)
    table = b"".join(b"%010d 00000 n \n" % offset for offset in offsets)
    count = len(objects) + 1
    tail = b"trailer<</Size %d/Root 1 0 R>>\nstartxref\n%d\n%%%%EOF\n" % (count, len(content))
    return content + b"xref\n0 %d\n0000000000 65535 f \n" % count + table + tail


DOCUMENT_ROUTES: tuple[HTTPRouteHandler, ...] = (get_invoice, list_mails, get_mail)
