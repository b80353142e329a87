"""What the fields of answers mean: one description a name, the same wherever the name occurs.

A name is the provider's where the provider has one, and means the same there.
"""

from service.api.operation_descriptions import OPERATION_DESCRIPTIONS

FIELD_DESCRIPTIONS = OPERATION_DESCRIPTIONS | {
    # where and when
    "position": "The place in the book that the answer reflects. Opaque: store it, and send it back"
    " unchanged.",
    "event_position": "The number of the event in the book; of a resource, that of the latest event"
    " that concerns it.",
    "latest_position": "The number of the newest of these events.",
    "occurred_at": "When the event happened, as the provider says. UTC.",
    "sent_at": "When the provider sent the webhook, as in its signed timestamp. UTC, in whole"
    " seconds.",
    "recorded_at": "When this service stored the event. UTC.",
    "created_at": "When the provider created the resource; if no event says so, when the first"
    " event happened. UTC.",
    "updated_at": "When the provider last changed the resource. UTC.",
    "at": "The moment that the answer is about: `as_of`, or the time of the request; or when the"
    " last event was recorded, if that is later and the decision is the same. Of a refused webhook,"
    " when it came; of an action, when it was done; of a metric's row, when it counts. UTC.",
    # pages
    "data": "The entries.",
    "next_cursor": "Send it as `cursor` to get the next page; null on the last page.",
    # access
    "entitled": "Whether the customer has access.",
    "known": "Of access: whether the book holds anything about this id; if not, it may be mistyped."
    " In a metric: subscriptions that were older than the book at their first event.",
    "hint": "What to ask instead, if an unknown id looks like an e-mail address; null otherwise.",
    "until": "When access ends; null if no end is known. UTC.",
    "because": "All reasons for and against, those that grant access first.",
    "rule": "The rule of the access policy that decided.",
    "since": "When the resource reached its status. UTC.",
    # verdicts on events
    "verdict": "How the event fits the lifecycle: `applied`, `confirmed`, `inferred`, `unexpected`,"
    " `unknown`, `unreadable` or `foreign`.",
    "verdicts": "The number of the resource's events by verdict.",
    "count": "The number of events.",
    "newer": "The payload was rendered after the event.",
    "undecided": "The payload was rendered after the event, and may show a later event already: the"
    " status has two possible readings.",
    "shown_at": "When the payload takes effect, if it was rendered after the event. UTC.",
    "late": "An event that happened later was recorded earlier.",
    "revision": "The same `webhook-id` was recorded before with another body.",
    "missing": "Event types that would explain this step, and that were not recorded.",
    "unread": "Fields of the payload that could not be read.",
    "changed": "Earlier conclusions that this late event changed.",
    "what": "The effect of the event, in words.",
    "from": "The status before the event; null if there was none.",
    "to": "The status after the event; null if there is none.",
    "stream": "The resource that the event belongs to, as `category-id`; null if it belongs to"
    " none.",
    # following, and searching
    "kind": "The kind of resource; of a job, what it does.",
    "next": "Send it as `after` to go on from here, even if the page is empty.",
    "matched": "The field that matches.",
    "label": "A description for people; of an API key, its label; null where there is none.",
    "more": "Whether there are more than these.",
    # a stored event
    "type": "The provider's event type, such as `subscription.renewed`; of a problem, the path of"
    " its description.",
    "source": "How the event came: `webhook`, or `api` if the resource was read at the provider.",
    "webhook_id": "The provider's identifier of the delivery.",
    "headers": "The headers that were stored, including the signed ones; null without the scope"
    " `audit`. Of a refused request, the names of the signed headers that it had.",
    "verified_by": "A fingerprint of the secret that verified the signature.",
    "body": "The path of the exact bytes.",
    "body_sha256": "The SHA-256 checksum of the exact bytes, in hexadecimal.",
    "body_length": "The number of bytes.",
    "link": "Of an event, the hash that chains it to all earlier ones, in hexadecimal; elsewhere"
    " the path of the resource.",
    # resources
    "status": "A status of the lifecycle: lower case, without the provider's prefix. Of a problem,"
    " the HTTP status.",
    "status_since": "When the resource reached its status. UTC.",
    "other_status": "The other possible status, if a payload was sent late and may show a later"
    " event already; null otherwise.",
    "provider_status": "The provider's word in its latest snapshot, known to this version or not.",
    "related": "Resources that refer to this one: the last hundred of each kind, the oldest first.",
    "paid_until": "The latest end of the periods that its payments cover, without payments that"
    " were fully refunded or lost to a dispute. UTC.",
    "periods": "The periods of the subscription that the payment covers.",
    "starts_at": "The beginning of the period; null if the provider does not name it. UTC.",
    "ends_at": "The end of the period. UTC.",
    "subscription_id": "The provider's id of the subscription.",
    "subscription_ids": "All subscriptions that the payment covers.",
    "payment_id": "The provider's id of the payment; also that of an abandoned checkout.",
    "refund_id": "The provider's id of the refund.",
    "dispute_id": "The provider's id of the dispute.",
    "payout_id": "The provider's id of the payout.",
    "license_key_id": "The provider's id of the licence key.",
    "entitlement_grant_id": "The provider's id of the entitlement grant.",
    "credit_id": "`customer_id:credit_entitlement_id`, since the provider has no id for a balance.",
    "dunning_id": "`subscription_id:created_at`, since the provider has no id for a dunning"
    " attempt.",
    "customer_id": "The provider's id of the customer.",
    "product_id": "The provider's id of the product.",
    "product_name": "The product's name, where the provider's lists have told it; webhooks carry"
    " only the id.",
    "customer": "The customer as in the snapshot; of a refund or dispute that names none, the"
    " payer.",
    "email": "The customer's e-mail address.",
    "name": "The customer's name; of a read model, its name.",
    "amount": "In minor units of `currency`; the provider sends that of a dispute as text.",
    "total_amount": "In minor units of `currency`, including tax.",
    "tax": "The tax in `total_amount`, in minor units of `currency`.",
    "settlement_tax": "The tax in `settlement_amount`, in minor units of `settlement_currency`.",
    "recurring_pre_tax_amount": "The price of each period, in minor units of `currency`.",
    "fee": "In minor units of `currency`.",
    "currency": "An ISO 4217 code.",
    "balance": "The remaining balance, in units of the credit.",
    "overage": "The use beyond the balance, in units of the credit.",
    "gaps": "The number of ledger rows that do not continue the row before; above 0, a row is"
    " missing.",
    "next_billing_date": "The end of the current billing period. UTC.",
    "previous_billing_date": "The beginning of the current billing period. UTC.",
    "past_due_ends_at": "The end of the grace period. UTC.",
    "cancel_at_next_billing_date": "Whether the subscription ends with the current billing period.",
    "paused_at": "When the subscription was paused. UTC.",
    "cancelled_at": "When the subscription was cancelled, or its cancellation was scheduled. UTC.",
    "expires_at": "When it ends unless it is renewed. UTC.",
    "trial_period_days": "The length of the trial in days.",
    "metadata": "The merchant's key-value pairs: strings, numbers and booleans.",
    "quantity": "The number of units.",
    "settlement_amount": "The merchant's share, in minor units of `settlement_currency`.",
    "settlement_currency": "An ISO 4217 code.",
    "refund_status": "`partial` or `full`, from the snapshot or from the succeeded refunds,"
    " whichever is further; null if nothing was refunded.",
    "invoice_id": "The provider's id of the invoice.",
    "service_periods": "The periods that the payment covers once it succeeded.",
    "is_partial": "Whether the refund is less than the payment.",
    "dispute_status": "The provider's status, with its prefix.",
    "dispute_stage": "The stage of the dispute: `pre_dispute`, `dispute` or `pre_arbitration`.",
    "is_resolved_by_rdr": "Whether the card network refunded without asking the merchant.",
    "id": "The provider's id; of a credit, that of its latest ledger row.",
    "entitlement_id": "The provider's id of the entitlement.",
    "integration_type": "The integration that delivers it, such as `license_key` or `discord`.",
    "delivered_at": "When it was delivered. UTC.",
    "revoked_at": "When it was revoked; null if it was not. UTC.",
    "credit_entitlement_id": "The provider's id of the kind of credit.",
    "balance_before": "The balance before the latest ledger row, in units of the credit.",
    "balance_after": "The balance after the latest ledger row, in units of the credit.",
    "overage_before": "The overage before the latest ledger row.",
    "overage_after": "The overage after the latest ledger row.",
    "abandonment_reason": "`payment_failed` or `checkout_incomplete`.",
    "abandoned_at": "When the checkout was abandoned. UTC.",
    "recovered_payment_id": "The payment that completed the checkout later.",
    "trigger_state": "The subscription's status that started the dunning.",
    "payment_frequency_interval": "`Day`, `Week`, `Month` or `Year`.",
    "payment_frequency_count": "The number of intervals between two payments.",
    "is_update_payment_method": "Whether the payment only replaced the payment method.",
    "key": "The licence key itself.",
    "license_key": "The licence key that was granted.",
    "payments": "The payments of the subscription; in a metric, their number.",
    "refunds": "The refunds of the payment; in a metric, their number.",
    "disputes": "The disputes of the payment; in a metric, their number.",
    # disputes that await an answer
    "respond_by": "The latest opening plus the book's `dispute_response_days`; null if the dispute"
    " does not await an answer. UTC.",
    "overdue": "Whether `respond_by` has passed.",
    "payment": "The disputed payment; null if no event of it is recorded.",
    "overdue_days": "The number of whole days since `next_billing_date`.",
    "product_cart": "The purchased products, as the provider sent them; null if it named none.",
    "subscriptions": "The subscriptions that the payment covers.",
    # metrics, each of a period and a currency, amounts in minor units
    "movement": "What the subscription did; null for what stands at a moment.",
    "payouts": "In a metric, the number of payouts that arrived.",
    "period": "The beginning of the period. UTC.",
    "mrr": "Monthly recurring revenue at the end of the period.",
    "new": "First activations, and trials that became paid.",
    "expansion": "Higher amounts, and changes to this currency.",
    "contraction": "Lower amounts, and changes from this currency.",
    "churned": "Subscriptions that ended, were put on hold or were paused.",
    "reactivated": "Subscriptions that are active again, such as after a hold or a pause.",
    "switched": "Changes to this currency minus changes from it.",
    "trial": "Trials at the end of the period; the other figures exclude them.",
    "on_demand": "Whether the subscription is charged on demand, not each period; in a metric,"
    " on-demand mandates at the end of the period, which the other figures exclude.",
    "active": "The number of active and past_due subscriptions at the end of the period.",
    "subscriptions_at_start": "The number of active and past_due subscriptions at the beginning of"
    " the period.",
    "churn_rate": "The churned fraction of `subscriptions_at_start`; null if that is 0.",
    "mrr_at_start": "Monthly recurring revenue at the beginning of the period.",
    "churned_mrr": "The monthly recurring revenue of the churned subscriptions.",
    "mrr_churn_rate": "The churned fraction of `mrr_at_start`; null if that is 0.",
    "partial": "The number of partial refunds.",
    "open": "The number of undecided disputes.",
    "won": "The number of won disputes.",
    "lost": "The number of lost, accepted or expired disputes.",
    "cancelled": "The number of withdrawn disputes.",
    "lost_amount": "The amount of `lost`.",
    # checkpoints
    "origins": "The names under which the book is signed, the current one first.",
    "problems": "Why no checkpoint is signed at present, and which anchors fail.",
    "origin": "The name under which a checkpoint is signed.",
    "size": "The number of events that a checkpoint covers.",
    "root": "The root of the Merkle tree over the links of these events, in base64.",
    "note": "The signed checkpoint, as C2SP has it; of an acknowledgement, what to know.",
    "signed_at": "When the checkpoint was signed. UTC.",
    "anchors": "The anchors that have the checkpoint.",
    "anchored": "The latest checkpoint that each anchor has.",
    "unsigned": "The number of events at the end of the book that no checkpoint covers.",
    "unanchored": "The number of events at the end of the book that no anchor has.",
    "anchor": "The name of the anchor; null if the problem is with signing.",
    "anchored_at": "When the anchor received the checkpoint. UTC.",
    "receipt": "The RFC 3161 answer of a timestamp authority, in base64; null from a directory.",
    "public_key": "The key that verifies the signatures of the origin. Keep it elsewhere.",
    "parted_at": "How many events it shares with the origin before it; null for the first origin.",
    "explanation": "What is wrong, and what to do.",
    "failing_since": "When the problem was first seen. UTC.",
    # problems
    "title": "The title, the same in every problem of this type.",
    "detail": "What is wrong with this request.",
    "parameter": "The invalid parameter.",
    "given": "Its value.",
    "allowed": "The valid values.",
    "scope": "The scope that the key lacks.",
    "go_on_from": "The last position that is certainly in both histories: read the changes after it"
    " again.",
    "head": "The position at the end of the book.",
    "request_id": "Identifies the request in the service's log. Of an error: pass it on to those"
    " who run the service. Of an action by a command: null.",
    "meaning": "When the problem occurs, and what to do.",
    "retry_after": "The number of seconds after which to retry; null if a retry does not help.",
    # paths, and the headers of a webhook
    "webhook-id": "The identifier of the delivery.",
    "webhook-timestamp": "When the webhook was sent, in Unix seconds.",
    "webhook-signature": "`v1,` and the signature in base64; several are separated by spaces.",
    "book": "The name of the book.",
}
