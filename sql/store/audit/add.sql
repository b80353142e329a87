-- Record an action.
insert into store.audit (book, audit_id, action, actor, who, subject, reason, request_id)
values (
    %(book)s, %(audit_id)s, %(action)s, %(actor)s, %(who)s, %(subject)s, %(reason)s, %(request_id)s
)
