"""The router of ``/v1``: the REST API over the read models."""

from litestar import Router

from service.api.access import get_access, get_access_of_customers
from service.api.attention import ATTENTION_ROUTES
from service.api.audit import list_audit
from service.api.auth import scoped
from service.api.changes import CHANGE_ROUTES
from service.api.checkpoints import CHECKPOINT_ROUTES
from service.api.disputes import list_due_disputes
from service.api.endpoint import ApiResponse
from service.api.events import EVENT_ROUTES
from service.api.evidence import make_evidence
from service.api.jobs import JOB_ROUTES
from service.api.keys import KEY_ROUTES
from service.api.metric_parts import METRIC_ROWS_ROUTES
from service.api.metrics import METRIC_ROUTES
from service.api.operations import OPERATION_ROUTES
from service.api.rebuilds import REBUILD_ROUTES
from service.api.reconcile import RECONCILE_ROUTES
from service.api.renewals import list_overdue_renewals
from service.api.resources import RESOURCE_ROUTES
from service.api.search import search
from service.http.segments import RestoreSlashes

ROUTER = Router(
    "/v1",
    route_handlers=[
        get_access,
        get_access_of_customers,
        *EVENT_ROUTES,
        *CHANGE_ROUTES,
        *CHECKPOINT_ROUTES,
        make_evidence,
        search,
        list_due_disputes,
        list_overdue_renewals,
        *METRIC_ROUTES,
        *METRIC_ROWS_ROUTES,
        *OPERATION_ROUTES,
        *REBUILD_ROUTES,
        *JOB_ROUTES,
        *KEY_ROUTES,
        *ATTENTION_ROUTES,
        list_audit,
        *RECONCILE_ROUTES,
        *RESOURCE_ROUTES,
    ],
    response_class=ApiResponse,
    guards=[scoped],
    middleware=[RestoreSlashes()],
    security=[{"api_key": []}],
    response_headers={"cache-control": "private, no-cache"},
)
