"""A page follows what it was asked to do."""

import psycopg
from playwright.sync_api import Browser, expect

from tests.acceptance.console.browsing import person
from tests.acceptance.doors import Doors


def test_a_page_shows_what_becomes_of_what_was_asked_for(browser: Browser, doors: Doors) -> None:
    with (
        psycopg.connect(doors.database_url, autocommit=True) as conn,
        person(browser, doors, doors.live) as somebody,
    ):
        conn.execute(
            "insert into store.job (book, job_id, kind, lane, subject, actor, who)"
            " values ('live', 'slow', 'later', 'elsewhere', 'all', 'key', 'x')"
        )
        somebody.open("/live/operations")
        row = somebody.page.get_by_role("row", name="all").first
        expect(row).to_contain_text("queued")
        conn.execute("delete from store.job where job_id = 'slow'")
        expect(row.get_by_text("queued")).to_have_count(0)
