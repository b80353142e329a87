"""What a proof shows, as a person reads it in a terminal."""

from service.cli.screens import Screen
from service.proof.verify import Report


def chain(out: Screen, report: Report) -> None:
    """Print what verifying the chain of a book shows."""
    name = f"book {report.book}"
    if not report.events and report.fault is None:
        out.print(f"{name}: it has no events. Nothing was verified.", soft_wrap=True)
        return
    out.print(f"{name}: {report.events} events recomputed.", style="bold", soft_wrap=True)
    if report.fault is None:
        out.print(f"  The chain holds up to position {report.head}.", soft_wrap=True)
    else:
        fault = report.fault
        out.print(
            f"  BROKEN at position {fault.position}: {fault.kind}. {fault.text}",
            style="bold red",
            soft_wrap=True,
        )
        out.print(f"  Broken positions: {report.broken}.", soft_wrap=True)
    out.print(f"  Signatures: {_signatures(report)}.", soft_wrap=True)


def _signatures(report: Report) -> str:
    found = report.signatures
    parts = [f"{found.proved} proved"]
    if found.unprovable:
        names = ", ".join(sorted(found.unprovable))
        count = sum(found.unprovable.values())
        parts.append(f"{count} not provable, because their secrets are not held ({names})")
    if found.inapplicable:
        parts.append(f"{found.inapplicable} not applicable, because they are not webhooks")
    return "; ".join(parts)
