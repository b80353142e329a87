"""What the fields mean that are about operating the service; ``descriptions`` has all others."""

OPERATION_DESCRIPTIONS = {
    # the read models
    "stale": "Whether later events are not included: they are parked, or not projected yet.",
    "version": "The version of the read models.",
    "state": "Of access: what a page shows the customer. Of the read models: `live`;"
    " `rebuilding` during a rebuild; `building` before the first build. Of a job: `queued`,"
    " `running`, `done`, `failed` or `interrupted`.",
    "checkpoint": "The position that the read model reflects. Opaque.",
    "lag_events": "The number of events that it does not reflect yet.",
    "lag_seconds": "The age of the oldest of these events. Of a minute or hour: the greatest that"
    " was seen, null if nobody looked.",
    "rebuild": "The running rebuild; null if there is none.",
    "parked": "The number of parked streams.",
    "parked_at": "When the stream was parked. UTC.",
    "error": "The error with its traceback.",
    "doing": "The current step of the rebuild.",
    "done": "The finished part of that step.",
    "total": "The size of that step.",
    # minute by minute
    "events": "The number of events that were recorded.",
    "attention": "How many of them need a person's attention.",
    "refused": "The number of refused webhooks; null without the scope `admin`.",
    # refused webhooks
    "reason": "Why: of a refused webhook in a word, such as `unknown-signature`; of an action, as"
    " the person gave it.",
    "content_length": "The announced length of the body; null without one.",
    "remote": "The address of the peer, which is the proxy's if there is one.",
    "counts": "The number of refused webhooks by reason.",
    "last_5_minutes": "The number in the last five minutes.",
    "last_hour": "The number in the last hour.",
    "last_day": "The number in the last day.",
    # jobs
    "job_id": "The id of the job.",
    "asked_at": "When it was asked for. UTC.",
    "problem": "Why a job failed or was interrupted, null if it did not; of a path, the last"
    " segment of a problem's `type`.",
    "changes": "What a preview found, by read model; null for other jobs, and until it has ended.",
    "rows": "The number of rows that would change.",
    "only_before": "The number of rows that would go away.",
    "only_after": "The number of rows that would be added.",
    "statuses": "The number of rows that would go from one status to another.",
    "before": "The status now.",
    "after": "The status after a rebuild.",
    "keys": "Some of the rows, by their ids.",
    # API keys
    "key_id": "The id of an API key: the part of it that is not secret.",
    "scopes": "What the key opens: any of `read`, `audit` and `admin`.",
    "last_used_at": "When the key was last used, to half a minute; null if it never was. UTC.",
    # what people do
    "audit_id": "The id of the action.",
    "action": "What was done: `create_key`, `revoke_key`, `retry`, `rebuild`, `undo_rebuild`,"
    " `apply`, `acknowledge`, `preview` or `compare`.",
    "actor": "What `who` is: an API `key`, a `person` at the console, an `account`, the `service`.",
    "who": "The id of an API key; a person's e-mail address; `account@host`; or `daybook`.",
    "subject": "What it was done to: a key, a stream, read models, a comparison or a group of"
    " events.",
    "fresh": "The number of events that nobody has acknowledged yet.",
    "first_position": "The number of the oldest of these events.",
    "first_at": "When the oldest of these events happened. UTC.",
    "last_at": "When the newest of these events happened. UTC.",
    "acknowledged": "Who has looked at these events, and up to which one; null if nobody has.",
    # comparisons with the provider
    "run_id": "The comparison; ids are in the order of their beginning. Null for other jobs, and"
    " until it has ended.",
    "began_at": "When it began. UTC.",
    "ended_at": "When it ended; null while it runs. UTC.",
    "apply": "Whether what differed was to be recorded in the book.",
    "looked_at": "How many resources were compared.",
    "in_sync": "How many of them agree.",
    "differing": "How many differ.",
    "applied": "Whether what differed was recorded in the book; of a comparison, how many were.",
    "review": "Whether a person decides first, because the customer has another subscription; of a"
    " comparison, how many are for a person.",
    "drift": "How many differ, by kind and cause.",
    "cause": "Why it differs; service/README.md lists the causes.",
    "gaining": "How many customers gain access by applying it.",
    "losing": "How many customers lose access by applying it.",
    "gains": "The customers who gain access, the first thousand.",
    "losses": "The customers who lose access, the first thousand.",
    "calls": "How many requests were sent to the provider.",
    "skipped": "What was not compared, and why.",
    "why": "Why it was not compared.",
    "kinds": "The kinds that were compared, as `--kind` named them; all where empty.",
    "rate_limit_remaining": "How many requests the provider left to the API key at the end, by its"
    " `X-RateLimit-Remaining`; null if it did not say.",
    "unsubscribed_types": "The event types that the webhook endpoint does not receive.",
    "ours": "The status in the book; null if the book does not know the resource.",
    "theirs": "The status at the provider; null if it has none.",
    "fields": "The fields that differ.",
    "evidence": "What shows the cause, in words.",
    "missing_types": "The event types that would have told of it.",
    "effect": "What applying it does to the customer's access: `none`, `gains` or `loses`.",
    "remedy": "What to do.",
}
