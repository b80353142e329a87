"""One plain sentence for each step, for the person who asks why."""

from domain.fold import Step
from domain.machine import START


def sentence(step: Step) -> str:
    """What the entry did to its stream, why, and what is odd about it."""
    return " ".join((_deed(step), *_oddities(step)))


def _deed(step: Step) -> str:  # noqa: PLR0911 - one sentence a verdict
    kind = step.entry.type
    match step.verdict:
        case "applied" if step.before == START:
            return f"Began as {step.after}."
        case "applied":
            return f"Changed from {step.before} to {step.after}."
        case "confirmed":
            return f"Stays {step.after}."
        case "inferred" if kind not in _known(step, step.before):
            return f"First seen here, as {step.after}: what came before {kind} is not recorded."
        case "inferred":
            return (
                f"{kind} alone leads to {_named(step.told)}, but its payload already shows"
                f" {step.after}, which is followed."
            )
        case "unexpected":
            return (
                f"{kind} is not expected while {_named(step.before)};"
                f" the provider's status {step.after} is followed."
            )
        case _ if kind not in _known(step):
            return f"The type {kind} is not known to this version; {_followed(step)}."
        case _:
            return (
                f"The status {step.entry.status} is not known to this version; {_followed(step)}."
            )


def _oddities(step: Step) -> list[str]:
    said: list[str] = []
    if step.missing:
        names = " and ".join(step.missing)
        said.append(f"{names} {'seem' if len(step.missing) > 1 else 'seems'} to be missing.")
    if step.newer:
        said.append(
            f"Its payload is newer than the event and already shows {step.entry.status},"
            " as later events explain."
        )
    if step.late:
        said.append("Recorded late, after something that happened later.")
    if step.revision:
        said.append("Another body under the webhook-id of an earlier event.")
    if step.entry.unread:
        said.append(f"Could not be read: {', '.join(step.entry.unread)}.")
    return said


def _named(status: str) -> str:
    return "not yet begun" if status == START else status


def _followed(step: Step) -> str:
    if step.after == step.before:
        return f"the status stays {_named(step.after)}"
    return f"the provider's status {step.after} is followed"


def _known(step: Step, status: str | None = None) -> tuple[str, ...]:
    """The events of the lifecycle, or only those that it allows from ``status``."""
    if step.entry.aggregate is None:
        return ()
    edges = step.entry.aggregate.lifecycle.edges
    return tuple(edge.event for edge in edges if status in (None, edge.source))
