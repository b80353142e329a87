"""Both ways of reading agree, whatever comes; and all that is shown is JSON."""

import gzip
import json
from collections.abc import Callable
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain.catalog import AGGREGATES, BY_CATEGORY, Aggregate
from domain.events import entry_of
from domain.payment import Period
from domain.reading import _WHOLE, _read_with_care, read, read_at_once, snapshot
from tests.builders import NOON, body, event
from tests.entries import IDENTITY
from tests.examples import examples

Pairs = list[tuple[bytes, bytes]]

STRANGE = [
    rb'"\ud83d"', rb'"\ud83d\u0041"', rb'"\udc00"', rb'"\ud83d\ude00"', b'"\xff"',
    b'"\xed\xa0\xbd"',
    '"Zoë"'.encode(), b'"\xe2\x82"', rb'"\u0000"', b'"\x00"', b'"a\nb"', rb'"\x"', rb'"\u12"', b'"',
    b"1e400", b"-1e400", b"1e-400", b"1e5", b"19.0", b"19.5", b"-0", b"01", b"1.",
    b"NaN", b"-Infinity",
    b"9" * 25, b"9" * 400, b"9" * 5000, b"9007199254740993", b"0.1", b"tru", b"undefined", b"'a'",
    b'"19.00"', b'"19"', b'"-7"', b'"19.005"', b'"\xd9\xa1"', b'"true"', b'"null"', b'""', b'"1e3"',
    b"null", b"true", b"0", b"1", b"7", b"{}", b"[]", b"[1]", b'{"a":[{"b":1e999}]}',
    b"[" * 101 + b"]" * 101, b"[" * 3000 + b"]" * 3000, b'{"a":' * 3000 + b"1" + b"}" * 3000,
    b'"9999-12-31T23:59:59Z"', b'"9999-12-31T23:59:59-12:00"', b'"0001-01-01T00:00:00+14:00"',
    b'"10000-01-01T00:00:00Z"', b'"2026-05-03T12:00:00"', b'"2026-05-03T12:00:00+02:00"',
    b'"2026-05-03T12:00:00.123456Z"', b'"2026-05-03T12:00:06Z"',
    b"1777809600", b'"1777809600"', b'"soon"',
    b'{"customer_id":"c","email":"\xff","name":"A"}', rb'{"customer_id":"c","name":"Zoe \ud83d"}',
    b'{"customer_id":"c","name":7,"name":"Ada"}', rb'{"customer_id":"\ud83d"}',
    b'{"customer_id":"c"}',
    b'[{"subscription_id":"s","ends_at":"9999-12-31T00:00:00Z"}]',
    b'[{"subscription_id":"s","ends_at":"2026-06-03T12:00:00+02:00"}]',
    rb'[{"subscription_id":"s","ends_at":"2026-06-03T12:00:00Z","note":"\ud83d"}]',
    b'[{"subscription_id":"s","ends_at":1777809600}]', b'["sub_1","\xff"]', b'["sub_1","sub_2"]',
    b'"' + b"n" * 201 + b'"', b'"USD"', b'"JPY"', b'"KWD"',
]  # fmt: skip
"""Values that no field expects, or that one field does and another does not."""

PLAIN: dict[str, Callable[[int], bytes]] = {
    "Moment": lambda n: b'"2026-05-0%dT10:00:00Z"' % (n % 9 + 1),
    "Minor": lambda n: b"%d" % n,
    "bool": lambda n: (b"true", b"false")[n % 2],
    "Name": lambda n: b'"name %d"' % n,
}


@st.composite
def objects(draw: st.DrawFn, names: list[str], most: int = 5) -> Pairs:
    """Some members of an object, with keys that come twice or are spelled oddly."""
    pairs: Pairs = []
    for _ in range(draw(st.integers(0, most))):
        name = draw(st.sampled_from([*names, "metadata", "custom"]))
        spelled = json.dumps(name).encode()
        if draw(st.integers(0, 9)) == 0:
            odd = rb"\u%04x" % ord(name[0])
            spelled = draw(st.sampled_from([
                b'"' + odd + name[1:].encode() + b'"', rb'"\ud83d"', b'"k\xff"', rb'"k\u0000"',
            ]))  # fmt: skip
        plain = draw(st.sampled_from([*PLAIN.values()]))(draw(st.integers(0, 20)))
        pairs.append((spelled, draw(st.sampled_from(STRANGE) | st.just(plain))))
    return pairs


def written(pairs: Pairs, space: bytes) -> bytes:
    members = [key + b":" + space + value for key, value in pairs]
    return b"{" + space + (b"," + space).join(members) + space + b"}"


@st.composite
def bodies(draw: st.DrawFn) -> bytes:
    """A body as the provider would send it, and then as it would not."""
    aggregate: Aggregate = draw(st.sampled_from(AGGREGATES))
    payload: Any = aggregate.payload
    names = [f.encode_name for f in msgspec.structs.fields(payload)]
    identity = IDENTITY.get(aggregate.category, {"id": "i"})
    data = [(json.dumps(k).encode(), json.dumps(v).encode()) for k, v in identity.items()]
    data = draw(st.permutations(data + draw(objects(names))))
    space = draw(st.sampled_from([b"", b"", b"", b" ", b"\n  ", b"\t\r\n"]))
    kinds = [*aggregate.lifecycle.events, f"{aggregate.category}.strange", "payout.not_initiated"]
    whole: Pairs = [
        (b'"business_id"', draw(st.sampled_from([b'"b"', b'"b"', b'"other"', b"null", b"5"]))),
        (b'"type"', json.dumps(draw(st.sampled_from(kinds))).encode()),
        (b'"timestamp"', draw(st.sampled_from([b'"2026-05-03T12:00:00Z"'] * 4 + STRANGE))),
        (b'"data"', written(data, space)),
    ]
    if draw(st.integers(0, 4)) == 0:
        whole += draw(objects(["type", "timestamp", "data", "business_id"], 2))
    content = written(draw(st.permutations(whole)), space)
    if draw(st.integers(0, 3)) == 0:
        at, gone = draw(st.integers(0, len(content))), draw(st.integers(0, 3))
        content = content[:at] + draw(st.binary(max_size=3)) + content[at + gone :]
    return draw(st.sampled_from([b"", b"", b"", b"\xef\xbb\xbf", b" "])) + content


@examples(60)
@given(content=bodies(), business=st.sampled_from([None, "b", "other"]))
def test_the_quick_way_of_reading_is_the_careful_one(content: bytes, business: str | None) -> None:
    recorded = event(content, sent_at=NOON)
    quick = read_at_once(content, recorded.sent_at, business)
    careful = _read_with_care(recorded, business)
    assert quick is None or entry_of(recorded, *quick, ()) == careful


@examples(60)
@given(content=bodies())
def test_what_is_shown_of_a_body_is_json_to_every_reader(content: bytes) -> None:
    entry = read(event(content, sent_at=NOON))
    if entry.stream is None:
        return
    fields = snapshot(content)
    shown = msgspec.json.encode(fields)
    assert msgspec.json.decode(shown) == json.loads(shown.decode(), parse_constant=pytest.fail)
    assert "Infinity" not in json.dumps(json.loads(shown))
    # what can be read is what is shown
    names = {f.name: f.encode_name for f in msgspec.structs.fields(type(entry.payload))}
    for name, told in names.items():
        value = getattr(entry.payload, name)
        if isinstance(value, str) and not any(n.startswith(told) for n in entry.unread):
            assert msgspec.json.decode(fields[told]) == value


def test_a_stamp_that_lies_after_the_sending_is_not_believed() -> None:
    content = (
        b'{"type":"payout.created","timestamp":"%b","business_id":"b","data":{"payout_id":"p"}}'
    )
    ahead, near = (
        read(event(content % b"2099-01-01T00:00:00Z", sent_at=NOON)),
        read(event(content % b"2026-05-03T12:00:05Z", sent_at=NOON)),
    )
    assert (ahead.occurred_at, ahead.unread) == (NOON, ("timestamp",))
    assert (near.occurred_at > NOON, near.unread) == (True, ())


@pytest.mark.parametrize(
    ("amount", "currency", "minor"),
    [
        (b'"19.00"', b'"USD"', 1900), (b'"19.5"', b'"EUR"', 1950), (b'"-0.01"', b'"usd"', -1),
        (b'"19.000"', b'"USD"', 1900), (b'"19.005"', b'"USD"', None),
        (b'"1900.00"', b'"JPY"', 1900),
        (b'"1900.50"', b'"JPY"', None), (b'"1.234"', b'"KWD"', 1234), (b'"19"', b'"USD"', 19),
        (b'"19.00"', b"null", None), (b'"19"', b"null", 19), (b"19.0", b'"USD"', 19),
        (b"19.5", b'"USD"', None), (b"1e3", b'"USD"', 1000), (b"true", b'"USD"', None),
        (b'"1,900.00"', b'"USD"', None), (b'"19."', b'"USD"', None), (b'"abc"', b'"USD"', None),
        (b'"9007199254740993"', b'"USD"', None), (b"9007199254740993", b'"USD"', None),
        (b'"99999999999999999.00"', b'"USD"', None), (b'"1e3"', b'"USD"', None),
    ],
)  # fmt: skip
@pytest.mark.parametrize("category", ["payment", "dispute", "payout", "refund", "subscription"])
def test_amounts_are_read_by_the_exponent_of_their_currency(
    category: str, amount: bytes, currency: bytes, minor: int | None
) -> None:
    aggregate = BY_CATEGORY[category]
    named = {"payment": "total_amount", "subscription": "recurring_pre_tax_amount"}
    name = named.get(category, "amount")
    identity = msgspec.json.encode(IDENTITY[category])[:-1]
    data = identity + b',"%b":%b,"currency":%b}' % (name.encode(), amount, currency)
    kind = aggregate.lifecycle.events[0].encode()
    entry = read(event(b'{"type":"%b","business_id":"b","data":%b}' % (kind, data)))
    assert getattr(aggregate.evolve(None, entry.payload), name) == minor
    assert (name in entry.unread) == (minor is None)


def test_another_amount_has_its_own_currency() -> None:
    content = (
        b'{"type":"payment.succeeded","data":{"payment_id":"p","total_amount":"19.00",'
        b'"currency":"JPY","settlement_amount":"19.00","settlement_currency":"USD"}}'
    )
    payload = read(event(content)).payload
    assert (payload.total_amount, payload.settlement_amount) == (19, 1900)


def test_a_count_is_not_money() -> None:
    content = (
        b'{"type":"subscription.active","data":{"subscription_id":"s","currency":"USD",'
        b'"quantity":"3","trial_period_days":14.0}}'
    )
    payload = read(event(content)).payload
    assert (payload.quantity, payload.trial_period_days) == (3, 14)


WHOLE = body("subscription.active", "active", metadata={"x": "MARK"}, other="FREE")


@pytest.mark.parametrize(
    "content",
    [
        b"\xef\xbb\xbf" + WHOLE, gzip.compress(WHOLE), WHOLE.decode().encode("utf-16"),
        WHOLE.decode().encode("utf-32"), gzip.compress(b"\xef\xbb\xbf" + WHOLE),
    ],
    ids=["bom", "gzip", "utf-16", "utf-32", "both"],
)  # fmt: skip
def test_what_is_only_written_otherwise_is_read_whole(content: bytes) -> None:
    entry, plain = read(event(content)), read(event(WHOLE))
    assert (entry.payload, entry.occurred_at) == (plain.payload, plain.occurred_at)
    assert (entry.status, entry.customer, entry.unread) == (plain.status, plain.customer, ())
    assert snapshot(content) == snapshot(WHOLE)


@pytest.mark.parametrize("value", [b'"MARK"', b'"FREE"'])
@pytest.mark.parametrize(
    "odd",
    [
        rb'"\ud83d"', rb'"\udc00\ud83d"', b'"\xff"', b'"\xed\xa0\xbd"', b'"\n"', rb'"\x"', b"NaN",
        b"[" * 100_000 + b"]" * 100_000, b'{"a":' * 5_000 + b"1" + b"}" * 5_000, b"undefined",
    ],
    ids=lambda odd: odd[:12].decode("latin-1").encode("unicode_escape").decode(),
)  # fmt: skip
def test_a_value_that_nobody_reads_costs_nothing_else_and_is_named(
    odd: bytes, value: bytes
) -> None:
    content = WHOLE.replace(value, odd)
    entry, plain = read(event(content)), read(event(WHOLE))
    assert entry.unread == ("metadata" if value == b'"MARK"' else "other",)
    for name in ("id", "status", "customer"):
        assert getattr(entry.payload, name) == getattr(plain.payload, name)
    assert entry.event.body is content


@pytest.mark.parametrize(("opened", "closed"), [(b"[", b"]"), (b'{"a":', b"}")], ids=["[", "{"])
def test_how_deep_values_may_nest_is_the_same_for_every_python(
    opened: bytes, closed: bytes
) -> None:
    def unread(value: bytes) -> tuple[str, ...]:
        content = WHOLE.replace(b'"FREE"', value)
        # a time of another zone is not read at once, but with care
        elsewhere = content.replace(b"T12:00:00Z", b"T14:00:00+02:00")
        assert read(event(content)).unread == read(event(elsewhere)).unread
        return read(event(content)).unread

    def nested(depth: int) -> bytes:
        return opened * depth + b"1" + closed * depth

    # the envelope and its data are two
    assert unread(nested(748)) == ()
    assert unread(nested(749)) == ("other",)
    # not what stands side by side, nor what is text
    assert unread(b"[" + b",".join([nested(300)] * 50) + b"]") == ()
    assert unread(b'["' + b"[" * 9_000 + rb'\"{"]') == ()
    text = b'"' + b"]" * 9_000 + rb'\"{"'
    assert unread(b"[" + text + b"," + nested(747) + b"]") == ()
    assert unread(b"[" + text + b"," + nested(748) + b"]") == ("other",)


@pytest.mark.parametrize("odd", [b"1e400", b"-1e400", b"9" * 400, b"9" * 5000, b"1e" + b"9" * 99])
def test_a_number_that_no_float_holds_costs_its_field(odd: bytes) -> None:
    for name in ("metadata", "quantity", "created_at"):
        fields: dict[str, Any] = {name: "MARK"}
        content = body("subscription.active", "active", **fields)
        content = content.replace(b'"MARK"', b'{"x":%b}' % odd if name == "metadata" else odd)
        entry = read(event(content))
        assert (entry.stream, entry.unread) == ("subscription-x_1", (name,))


def test_of_a_customer_each_field_is_named_for_itself() -> None:
    for name, lost in (("name", "Ada"), ("email", "cus_1@example.com")):
        content = body("subscription.active", "active").replace(lost.encode(), rb"Zoe \ud83d")
        entry = read(event(content))
        assert entry.unread == (f"customer.{name}",)
        assert entry.customer is not None
        assert (entry.customer.customer_id, getattr(entry.customer, name)) == ("cus_1", None)


def test_what_can_be_read_of_a_list_is_not_lost_with_the_rest() -> None:
    good = {"subscription_id": "sub_1", "ends_at": NOON}
    periods = [
        good,
        {"subscription_id": "sub_2", "ends_at": None},
        {"subscription_id": "sub_3", "starts_at": "soon", "ends_at": NOON},
        "sub_4",
    ]
    names = ["sub_1", None, "sub_5"]
    content = body(
        "payment.succeeded", "succeeded", service_periods=periods, subscription_ids=names
    )
    entry = read(event(content))
    assert entry.unread == ("subscription_ids", "service_periods")
    assert entry.payload.subscription_ids == ("sub_1", "sub_5")
    assert entry.payload.service_periods == (Period("sub_1", NOON), Period("sub_3", NOON))


@pytest.mark.parametrize("name", ["created_at", "next_billing_date", "expires_at"])
@pytest.mark.parametrize("time", ["9999-12-31", "9999-12-31T00:00:00Z", "10000-01-01T00:00:00Z"])
def test_a_time_that_no_clock_holds_is_unread(name: str, time: str) -> None:
    fields: dict[str, Any] = {name: time}
    entry = read(event(body("subscription.active", "active", **fields)))
    assert (entry.unread, getattr(entry.payload, name)) == ((name,), None)


def test_a_compressed_body_is_inflated_only_so_far() -> None:
    bomb = gzip.compress(b'{"type":"' + b"0" * (3 << 20) + b'"}')
    assert read(event(bomb)).verdict == "unreadable"
    assert read(event(gzip.compress(WHOLE)[:-9])).verdict == "unreadable"
    assert read(event(b"\x1f\x8b" + WHOLE)).verdict == "unreadable"


@pytest.mark.parametrize("content", [b'"' + b'\\"' * 500_000, b"[" + b"1," * 100_000 + b"NaN]"])
def test_what_cannot_be_repaired_is_given_up_soon(content: bytes) -> None:
    assert read(event(content)).verdict == "unreadable"


def test_each_category_is_known_by_the_beginning_of_its_types() -> None:
    assert len(_WHOLE) == len(AGGREGATES)
    kinds = [kind for one in AGGREGATES for kind in one.lifecycle.events]
    for kind in kinds:
        content = body(kind, None, subscription_id="s", customer_id="c", credit_entitlement_id="e",
                       payment_id="p", payout_id="p", refund_id="r")  # fmt: skip
        assert read_at_once(content, NOON, None), kind
