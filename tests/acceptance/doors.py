"""A service with two books on a PostgreSQL of the user's own, and some events in one of them."""

import httpx

from tests.acceptance.service import Service
from tests.builders import OTHER_SECRET, SECRET

CONFIG = f"""
max_body_bytes = 5000

[books.live]
mode = "live"
secrets = ["{SECRET}", "{OTHER_SECRET}"]
business_id = "bus_1"
dispute_response_days = 7

[books.test]
mode = "test"
secrets = ["{OTHER_SECRET}"]
"""


class Doors:
    def __init__(self, service: Service, live: str, test: str, database_url: str) -> None:
        self.service, self.live, self.test = service, live, test
        self.database_url = database_url

    def get(self, path: str, key: str | None = None) -> httpx.Response:
        headers = {"authorization": f"Bearer {key or self.live}"}
        return self.service.client.get(f"/v1/{path}", headers=headers)


def deliver(
    doors: Doors, content: bytes, book: str = "live", secret: str = SECRET
) -> httpx.Response:
    return doors.service.deliver(book, secret, content)
