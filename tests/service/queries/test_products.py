"""Names of products: from wherever the provider told them, for every subscription to them."""

from projections.subscriptions import SUBSCRIPTIONS
from service.database.connections import Connection
from service.queries.products import product_names
from service.queries.resources import resource
from service.readmodels.projector import advance
from service.store.events import append
from tests.builders import at, body
from tests.deliveries import delivery


async def test_the_latest_name_is_that_of_every_subscription(conn: Connection) -> None:
    contents = [
        body("subscription.active", "active", at(0), "sub_1", product_id="pdt_1"),
        body("subscription.active", "active", at(1), "sub_2", product_id="pdt_1",
             product_name="Basic"),
        body("subscription.renewed", "active", at(2), "sub_2", product_id="pdt_1",
             product_name="Plus " + "x" * 300),
        body("subscription.active", "active", at(3), "sub_3", product_id="pdt_2"),
    ]  # fmt: skip
    await append(conn, "test", [delivery(content) for content in contents])
    while await advance(conn, "test"):
        pass
    names = await product_names(conn, "test", ["pdt_1", "pdt_2", None, "pdt_none"])
    assert names == {"pdt_1": "Plus " + "x" * 195}
    assert await product_names(conn, "test", [None]) == {}
    one, two = [
        await resource(conn, "test", SUBSCRIPTIONS, f"sub_{n}", 10) for n in (1, 3)
    ]  # fmt: skip
    assert one["product_name"] == names["pdt_1"]
    assert "product_name" not in two
