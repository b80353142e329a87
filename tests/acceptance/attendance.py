"""Which fields the answers have, by the schema that describes them."""

from collections import defaultdict
from collections.abc import Iterator
from typing import Any

REF = "#/components/schemas/"


class Attendance:
    """Counts, for each named schema, its instances and the fields that each of them has."""

    def __init__(self, document: dict[str, Any]) -> None:
        self._schemas: dict[str, dict[str, Any]] = document["components"]["schemas"]
        self.always: dict[str, set[str]] = {}
        self.instances: defaultdict[str, int] = defaultdict(int)

    def add(self, schema: dict[str, Any], value: Any) -> None:  # noqa: ANN401 - as JSON is
        """Count one answer, and all that is within it."""
        for name, instance in self._named(schema, value):
            self.instances[name] += 1
            self.always[name] = self.always.get(name, {*instance}) & {*instance}

    def optional(self) -> set[tuple[str, str]]:
        """The fields that every instance has, and that the schema does not require."""
        return {
            (name, field)
            for name, fields in self.always.items()
            for field in fields - {*self._schemas[name].get("required", ())}
        }

    def _named(self, schema: dict[str, Any], value: Any) -> Iterator[tuple[str, dict[str, Any]]]:  # noqa: ANN401
        for alternative in schema.get("anyOf", ()):
            yield from self._named(alternative, value)
        if isinstance(value, list):
            for entry in value:
                yield from self._named(schema.get("items", {}), entry)
        elif isinstance(value, dict):
            if ref := schema.get("$ref"):
                name = ref.removeprefix(REF)
                schema = self._schemas[name]
                yield name, value
            for field, inner in schema.get("properties", {}).items():
                if field in value:
                    yield from self._named(inner, value[field])
