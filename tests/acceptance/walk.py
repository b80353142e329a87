"""Every question of the OpenAPI document, put about things that exist."""

import re
from collections.abc import Callable
from typing import Any

POSTED: dict[str, tuple[str, dict[str, Any]]] = {
    "get_access_of_customers": ("/v1/access", {"customer_ids": ["cus_1", "cus_nobody"]}),
    "acknowledge_attention": (
        "/v1/attention/acknowledge",
        {"verdict": "unknown", "type": "subscription.gifted", "until": "12", "note": "A gift."},
    ),
}
"""The path and the body of each question that has one, by its operation id."""


def questions(document: dict[str, Any], ask: Callable[[str], Any]) -> dict[str, str]:
    """A path for each question that is answered in JSON, by its operation id.

    What a path needs is taken from the first entry of the list that has it; what is searched for
    is the first customer.
    """
    found: dict[str, str] = {}
    for path, item in document["paths"].items():
        operation = item.get("get")
        if operation and "application/json" in operation["responses"]["200"]["content"]:
            for name in re.findall(r"{(\w+)}", path):
                path = path.replace(f"{{{name}}}", _identity(name, path, ask))  # noqa: PLW2901 - it is filled in
            needed = [one for one in operation.get("parameters", ()) if one.get("required")]
            query = "?q=cus_1" if any(one["name"] == "q" for one in needed) else ""
            found[operation["operationId"]] = path + query
    return found


def _identity(name: str, path: str, ask: Callable[[str], Any]) -> str:
    listed = ask(path.partition("/{")[0])
    if isinstance(listed, list):
        return str(listed[0]["type"]).rpartition("/")[2]
    return str(listed["data"][0][name])
