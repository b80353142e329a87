"""The sections of the page that say who bought what, when, and what became of it. Pure."""

from datetime import datetime, timedelta
from operator import itemgetter

from domain.steps import Step
from domain.story import headline, told_by
from projections.disputes import opened_at
from service.evidence.case import Case, Resource
from service.evidence.markup import Html, Part, joined, section, table, tag, terms, text
from service.evidence.wording import (
    UNKNOWN,
    address,
    card,
    cart,
    day,
    moment,
    money,
    noun,
    period,
    plain,
    words,
)


def buyer(case: Case) -> Html:
    """Who bought it, as the payments say."""
    latest = case.payments[-1].fields if case.payments else {}
    customer = case.customer
    return section(
        "Who bought it",
        terms(
            ("Name", customer.name if customer else None),
            ("E-mail address", customer.email if customer else None),
            ("Customer", tag("code", customer.customer_id) if customer else UNKNOWN),
            ("Billing address", address(latest.get("billing"))),
            ("Cardholder", plain(latest.get("card_holder_name"))),
        ),
    )


def bought(case: Case, most: int = 12) -> Html:
    """What was bought: each payment, and the terms of each subscription."""
    latest = case.payments[-most:]
    rest = len(case.payments) - len(latest)
    return section(
        "What was bought",
        *(_payment(one) for one in latest),
        tag("p", f"{rest} earlier payments are in the history below.") if rest else None,
        *(_subscription(one) for one in case.subscriptions),
        None if case.payments or case.subscriptions
        else tag("p", "No event about the payment is recorded."),
    )  # fmt: skip


def _title(one: Resource) -> Html:
    return tag("h3", f"{noun(one.category)} ", tag("code", one.id))


def _payment(one: Resource) -> Html:
    fields = one.fields
    secure = words(fields.get("three_ds_status"))
    return joined(
        _title(one),
        terms(
            ("Amount", money(*one.amount("total_amount"))),
            ("of which tax", money(fields.get("tax"), fields.get("currency"))),
            ("Made", f"{moment(one.began)} UTC"),
            ("Status now", one.status),
            ("Products", cart(fields)),
            ("Charged as", words(fields.get("charge_type"))),
            ("Paid with", card(fields)),
            ("3-D Secure", secure),
            ("Invoice", plain(fields.get("invoice_id"))),
            ("Paid for", ", ".join(one.links_to("subscription_ids")) or None),
            ("Digital products delivered", words(fields.get("digital_products_delivered"))),
            ("Refused because", plain(fields.get("error_message"))),
        ),
    )


def _subscription(one: Resource) -> Html:
    fields, folded = one.fields, one.folded
    state = folded.state if folded else None
    return joined(
        _title(one),
        terms(
            ("Product", cart(fields)),
            ("Price before tax", money(*one.amount("recurring_pre_tax_amount"))),
            ("Charged", period(fields)),
            ("Begun", f"{moment(one.began)} UTC"),
            ("Status now", one.status),
            ("Trial days", plain(fields.get("trial_period_days"))),
            ("Paid until", moment(state.next_billing_date) if state else None),
            ("Cancelled", moment(state.cancelled_at) if state else None),
            ("Reason of the customer", plain(fields.get("cancellation_comment"))),
        ),
    )


def disputes(case: Case, response_days: int) -> Html | None:
    """Each dispute with its stage, its reason and when an answer is due."""
    if not case.disputes:
        return None
    parts = []
    for one in case.disputes:
        folded = one.folded
        due = opened_at(folded) + timedelta(days=response_days) if folded else None
        parts += [
            _title(one),
            terms(
                ("Amount", money(*one.amount())),
                ("Stage", words(one.fields.get("dispute_stage"))),
                ("Reason", words(one.fields.get("reason")) or "the provider gave none"),
                ("Remarks", plain(one.fields.get("remarks"))),
                ("Opened", f"{moment(opened_at(folded) if folded else one.began)} UTC"),
                ("Status now", one.status),
                ("Payment", one.link_to("payment_id") or UNKNOWN),
                (
                    f"Answer due, {response_days} days after it was opened",
                    f"{moment(due)} UTC" if due else None,
                ),
            ),
        ]
    note = "The provider sends no deadline: the number of days is the merchant's setting."
    title = "The dispute" if len(case.disputes) == 1 else "The disputes"
    return section(title, *parts, tag("p", note, class_="note"))


def delivered(case: Case) -> Html:
    """What was delivered, and when."""
    rows: list[tuple[Part, ...]] = []
    for one in case.delivered:
        state, fields = (one.folded.state if one.folded else None), one.fields
        at = getattr(state, "delivered_at", None) or (
            one.began if one.category == "license_key" else None
        )
        key, kind = plain(fields.get("key")), words(fields.get("integration_type"))
        what = joined(
            text(f"{noun(one.category)}, {kind}" if kind else noun(one.category)),
            tag("br"),
            tag("code", f"ends in {key[-4:]}" if key else one.id),
        )
        revoked = moment(getattr(state, "revoked_at", None))
        rows.append((moment(at) or "not delivered", what, one.status, revoked))
    heads = ("Delivered, UTC", "What", "Status now", "Revoked, UTC")
    shown = table(heads, rows, "story") if rows else tag("p", "No delivery is recorded.")
    return section("What was delivered", shown)


def story(case: Case) -> Html:
    """The whole history, in the order in which things happened."""
    rows: list[tuple[tuple[datetime, int], tuple[Part, ...]]] = []
    for one in case.told:
        steps = [(step.at, step.entry.event.position, _sentence(step)) for step in one.steps]
        if not steps:
            steps = [
                (record.entry.occurred_at, record.position, _UNFOLDED) for record in one.records
            ]
        for at, position, sentence in steps:
            rows.append(((at, position), (moment(at), sentence, str(position))))
    for record in case.loose:
        at, position = record.entry.occurred_at, record.position
        kind = record.entry.type or "an event that cannot be read"
        rows.append(((at, position), (moment(at), f"{kind}.", str(position))))
    rows.sort(key=itemgetter(0))
    heads = ("When, UTC", "What happened", "Position")
    return section(
        "What happened",
        tag("p", "In the order in which it happened, as the provider told it."),
        table(heads, [row for _, row in rows], "story"),
    )


_UNFOLDED = "Recorded, and not understood by this version."


def _sentence(step: Step) -> str:
    # the time stands in the row, to the second
    _, _, sentence = headline(told_by(step, leads_to=True)).partition(": ")
    return f"{sentence[:1].upper()}{sentence[1:]}."


def others(case: Case) -> Html | None:
    """The other payments of the customer, before and after."""
    if case.question.kind == "customer" or case.customer is None:
        return None
    troubled: dict[str | None, list[Resource]] = {}
    for trouble in case.troubles:
        troubled.setdefault(trouble.link_to("payment_id"), []).append(trouble)
    first = min((one.began for one in case.payments), default=None)
    earlier = [one for one in case.undisputed if first is None or one.began < first]
    rows: list[tuple[Part, ...]] = [
        (
            moment(one.began),
            money(*one.amount("total_amount")),
            joined(text(one.status), *(
                text(f"; {noun(t.category).lower()} of {money(*t.amount()) or UNKNOWN}, {t.status}")
                for t in troubled.get(one.id, ())
            )),
            tag("code", one.id),
        )
        for one in case.others
    ]  # fmt: skip
    counted = {0: "No earlier payment", 1: "One earlier payment"}.get(
        len(earlier), f"{len(earlier)} earlier payments"
    )
    verb = "were" if len(earlier) > 1 else "was"
    count = f"{counted} of this customer succeeded and {verb} neither disputed nor refunded"
    since = f"; the first was on {day(earlier[0].began)}" if earlier else ""
    heads = ("Made, UTC", "Amount", "What became of it", "Payment")
    return section(
        "Other payments of this customer",
        tag("p", f"{count}{since}."),
        table(heads, rows, "money") if rows else None,
        tag("p", f"{case.left_out} more are left out.") if case.left_out else None,
    )
