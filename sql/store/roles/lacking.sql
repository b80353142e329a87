-- List the privileges that a role, by default the current one, lacks for the service.
with r as (select oid from pg_roles where rolname = coalesce(%(role)s, current_user)),
needed (relation, column_names, privileges) as (
    values
    ('store.migration', null::text[], array['select']),
    ('store.event', null, array['select', 'insert']),
    ('store.head', null, array['select']),
    ('store.head', array['book', 'business_id'], array['insert']),
    ('store.head', array['position', 'link', 'recorded_at', 'business_id'], array['update']),
    ('store.api_key', null, array['select']),
    ('store.api_key', array['book', 'id', 'sha256', 'scopes', 'label'], array['insert']),
    ('store.api_key', array['last_used_at', 'revoked_at'], array['update']),
    ('store.refusal', null, array['select', 'insert', 'delete']),
    ('store.refusal_count', null, array['select', 'insert', 'update', 'delete']),
    ('store.backfill', null, array['select', 'insert', 'update']),
    ('store.reconcile_run', null, array['select', 'insert', 'update', 'delete']),
    ('store.reconcile_difference', null, array['select', 'insert', 'update', 'delete']),
    ('store.reconcile_absence', null, array['select', 'insert', 'update', 'delete']),
    ('store.tree_node', null, array['select', 'insert']),
    ('store.origin', null, array['select', 'insert']),
    ('store.checkpoint', null, array['select', 'insert']),
    ('store.anchored', null, array['select', 'insert']),
    ('store.document', null, array['select', 'insert']),
    ('store.proof_problem', null, array['select', 'insert', 'update', 'delete']),
    ('store.console_session', null, array['select', 'insert', 'update', 'delete']),
    ('store.console_link', null, array['select', 'insert', 'delete']),
    ('store.audit', null, array['select', 'insert']),
    ('store.acknowledgement', null, array['select', 'insert', 'update']),
    ('store.job', null, array['select', 'insert', 'update', 'delete']),
    ('store.lag', null, array['select', 'insert', 'update', 'delete']),
    ('read.projection', null, array['select', 'insert', 'update', 'delete']),
    ('read.checkpoint', null, array['select', 'insert', 'update', 'delete']),
    ('read.retired', null, array['select', 'insert', 'update', 'delete']),
    ('read.parked', null, array['select', 'insert', 'update', 'delete']),
    ('read.lease', null, array['select', 'insert', 'update', 'delete'])
),
lacking (privilege, object) as (
    select 'connect', 'database ' || current_database()
    from r where not has_database_privilege(r.oid, current_database(), 'connect')
    union all
    select privilege, 'schema ' || name
    from r
    cross join (values ('store', 'usage'), ('read', 'usage'), ('read', 'create')) as s (name, privilege)
    where not has_schema_privilege(r.oid, name, privilege)
    union all
    select 'execute', 'function store.key'
    from r where not has_function_privilege(r.oid, 'store.key(text, text)', 'execute')
    union all
    select privilege, relation
    from r
    cross join needed
    cross join unnest(privileges) as privilege
    where column_names is null and not has_table_privilege(r.oid, relation, privilege)
    union all
    select privilege || ' (' || column_name || ')', relation
    from r
    cross join needed
    cross join unnest(privileges) as privilege
    cross join unnest(column_names) as column_name
    where not has_column_privilege(r.oid, relation, column_name, privilege)
)
select privilege || ' on ' || object as lacks from lacking order by object, privilege
