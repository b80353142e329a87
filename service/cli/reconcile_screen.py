"""What ``daybook reconcile`` prints for a person: who is affected first, then each difference."""

from collections import Counter
from collections.abc import Mapping, Sequence

from service.cli.screens import Screen, table
from service.queries.reconcile import Difference, Run
from service.telemetry.wording import number_of

_WORDS = {
    "in_sync": "in sync",
    "drift": "drift",
    "incomplete": "incomplete: not everything could be compared",
    "stopped": "stopped: nothing was compared or applied",
}


def head(out: Screen, run: Run, names: Mapping[str, str]) -> None:
    """Print the head of a run."""
    words = _WORDS.get(run.state, run.state)
    if run.state == "in_sync" and run.applied:
        words = (
            f"{number_of(run.applied, 'difference')} applied: the book says what the provider says"
        )
    out.print(f"{words} (run {run.run_id})", style="bold")
    if run.reason:
        out.print(run.reason, style="red", soft_wrap=True)
    verb = "differs" if run.differing == 1 else "differ"
    counts = f"{run.looked_at} looked at, {run.in_sync} in sync, {run.differing} {verb}"
    left = run.rate_limit_remaining
    rate = "" if left is None else f", {left:,} left for now by the provider's limit"
    out.print(f"{counts}; {number_of(run.calls, 'request')}{rate}", soft_wrap=True)
    causes: Counter[str] = Counter()
    for drift in run.drift:
        causes[drift.cause] += drift.count
    if causes:
        out.print(", ".join(f"{n} {cause}" for cause, n in causes.most_common()), soft_wrap=True)
    applied = run.apply and not run.reason
    _customers(
        out, "lost access" if applied else "would lose access", run.losing, run.losses, names
    )
    _customers(
        out, "gained access" if applied else "would gain access", run.gaining, run.gains, names
    )
    if run.review:
        out.print(f"{run.review} for a person to decide: the customer has another subscription")
    if run.apply and run.state != "in_sync":
        out.print(f"{run.applied} applied", soft_wrap=True)
    elif run.differing and not run.apply:
        out.print("Nothing was applied. To record what differs: --apply", soft_wrap=True)
    for skipped in run.skipped:
        out.print(f"not looked at: {skipped.what}: {skipped.why}", soft_wrap=True)
    if run.unsubscribed_types:
        out.print(f"not subscribed to: {', '.join(run.unsubscribed_types)}", soft_wrap=True)
        out.print(
            "Run `daybook connect`; then, in the provider's dashboard under Developer > Webhooks,"
            " Replay missing messages: it reaches back two weeks.",
            soft_wrap=True,
        )


MOST_ROWS = 10
"""The differences of each kind of resource that are printed; thousands tell nobody anything."""


def differences(out: Screen, run: Run, found: Sequence[Difference]) -> None:
    """Print the differences that were chosen, those first that take access away.

    Args:
        out: where to print.
        run: the run that found them; it says how many there are of each kind.
        found: the first of each kind.
    """
    order = {"loses": 0, "gains": 1, "none": 2}
    rows = table("resource", "customer", "ours → theirs", "fields", "cause", "evidence", "access")
    for one in sorted(found, key=lambda d: order[d.effect]):
        statuses = f"{one.ours or '·'} → {one.theirs or '·'}"
        access = [one.effect] * (one.effect != "none") + ["review"] * one.review
        rows.add_row(
            f"{one.kind} {one.id}", one.customer_id or "", statuses, ", ".join(one.fields),
            one.cause, one.evidence, ", ".join(access),
        )  # fmt: skip
    if not found:
        return
    out.print(rows)
    for remedy in dict.fromkeys(f"{d.cause}: {d.remedy}" for d in found):
        out.print(remedy, soft_wrap=True)
    _more(out, run, Counter(one.kind for one in found))


def _more(out: Screen, run: Run, shown: Mapping[str, int]) -> None:
    """Say how many differences of each kind are not printed, and where they are."""
    counts: Counter[str] = Counter()
    for drift in run.drift:
        counts[drift.kind] += drift.count
    more = {kind: count - shown.get(kind, 0) for kind, count in counts.items()}
    left = ", ".join(f"{count:,} more of {kind}" for kind, count in more.items() if count > 0)
    if left:
        out.print(
            f"Not shown: {left}. All that were kept are in the console, under Reconcile, and at"
            f" GET /v1/reconcile/runs/{run.run_id}/differences. To print all: --format csv",
            soft_wrap=True,
        )


def _customers(
    out: Screen, what: str, count: int, ids: Sequence[str], names: Mapping[str, str]
) -> None:
    if not count:
        return
    shown = [f"{one} ({names[one]})" if names.get(one) else one for one in ids]
    more = f" and {count - len(ids)} more" if count > len(ids) else ""
    out.print(f"{count} {what}: {', '.join(shown)}{more}", soft_wrap=True)
