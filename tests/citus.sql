-- A stand-in for the extension Citus: its functions, with the checks and the messages of the real ones,
-- over tables that PostgreSQL partitions by hash into four shards. See tests/citus.py.
set allow_system_table_mods = on;

create schema shards;
grant usage, create on schema shards to public;

create table pg_catalog.pg_dist_partition (
    logicalrelid regclass not null,
    partmethod   "char"   not null,
    partkey      text,
    colocationid integer  not null,
    repmodel     "char"   not null
);
grant select on pg_catalog.pg_dist_partition to public;

create table pg_catalog.pg_dist_node (nodeid integer, nodename text, isactive boolean, noderole text);
grant select on pg_catalog.pg_dist_node to public;
insert into pg_dist_node values (1, 'one', true, 'primary'), (2, 'two', true, 'primary');

insert into pg_extension (oid, extname, extowner, extnamespace, extrelocatable, extversion)
values (4000000000, 'citus', 10, 'pg_catalog'::regnamespace, false, '13.0-1');

create function pg_catalog.citus_version() returns text language sql stable
return 'Citus 13.0.3 on x86_64-pc-linux-gnu, a stand-in of the tests';

create function pg_catalog.relation_is_a_known_shard(regclass) returns boolean language sql stable
return exists (
    select from pg_class c join pg_namespace n on n.oid = c.relnamespace
    where c.oid = $1 and n.nspname = 'shards'
);

-- What both functions refuse.
create function shards.refuse_unsuitable(relation regclass) returns void language plpgsql as $$
declare
    name text := (select relname from pg_class where oid = relation);
begin
    if not pg_has_role(session_user, (select relowner from pg_class where oid = relation), 'usage') then
        raise exception 'must be owner of table %', name using errcode = 'insufficient_privilege';
    end if;
    if exists (select from pg_dist_partition where logicalrelid = relation) then
        raise exception 'table "%" is already distributed', name using errcode = 'invalid_table_definition';
    end if;
    if exists (select from pg_trigger where tgrelid = relation and not tgisinternal) then
        raise exception 'cannot distribute relation "%" because it has triggers', name
            using errcode = 'feature_not_supported',
                hint = format('Drop all the triggers on "%s" and retry.', name);
    end if;
end
$$;

create function pg_catalog.create_distributed_table(
    table_name regclass, distribution_column text, distribution_type text default 'hash',
    colocate_with text default 'default', shard_count integer default null
) returns void language plpgsql security definer as $$
declare
    relation record;
    type     oid;
    other    record;
    view     text;
    views    text[];
    number   integer;
    fresh    regclass;
begin
    perform shards.refuse_unsuitable(table_name);
    select c.oid, c.relname, n.nspname, c.relowner::regrole::text as owner, c.relacl, c.reloptions
    into relation
    from pg_class c join pg_namespace n on n.oid = c.relnamespace where c.oid = table_name;
    select atttypid into type from pg_attribute
    where attrelid = table_name and attname = distribution_column and not attisdropped;
    if type is null then
        raise exception 'column "%" of relation "%" does not exist', distribution_column, relation.relname
            using errcode = 'undefined_column';
    end if;
    if exists (
        select from pg_index i
        where i.indrelid = table_name and (i.indisunique or i.indisexclusion) and not exists (
            select from pg_attribute a
            where a.attrelid = table_name and a.attname = distribution_column
                and a.attnum = any(i.indkey::smallint[])
        )
    ) then
        raise exception 'cannot create constraint on "%"', relation.relname
            using errcode = 'invalid_object_definition',
                detail = 'Distributed relations cannot have UNIQUE, EXCLUDE, or PRIMARY KEY constraints'
                    ' that do not include the partition column (with an equality operator if EXCLUDE).';
    end if;
    if colocate_with not in ('default', 'none') then
        select d.partmethod, a.atttypid, c.relname into other
        from pg_class c
        left join pg_dist_partition d on d.logicalrelid = c.oid
        left join pg_attribute a on a.attrelid = c.oid and a.attname = d.partkey
        where c.oid = colocate_with::regclass;
        if other.partmethod is null then
            raise exception 'relation % is not distributed', other.relname
                using errcode = 'invalid_table_definition';
        elsif other.partmethod <> 'h' then
            raise exception 'cannot distribute relation' using errcode = 'feature_not_supported',
                detail = 'Currently, colocate_with option is only supported for hash distributed tables.';
        elsif other.atttypid <> type then
            raise exception 'cannot colocate tables % and %', other.relname, relation.relname
                using detail = format(
                    'Distribution column types don''t match for %s and %s.', other.relname, relation.relname
                );
        end if;
    end if;
    -- views of views too, the deepest last
    with recursive above (oid, depth) as (
        select distinct r.ev_class, 1 from pg_depend d join pg_rewrite r on r.oid = d.objid
        where d.classid = 'pg_rewrite'::regclass and d.refobjid = table_name and r.ev_class <> table_name
        union
        select r.ev_class, a.depth + 1 from above a
        join pg_depend d on d.refobjid = a.oid and d.classid = 'pg_rewrite'::regclass
        join pg_rewrite r on r.oid = d.objid and r.ev_class <> a.oid
    )
    select array_agg(
        format('create view %s as %s', a.oid::regclass, pg_get_viewdef(a.oid))
        || format('; alter view %s owner to %s', a.oid::regclass, c.relowner::regrole) order by a.depth
    ) into views from above a join pg_class c on c.oid = a.oid;
    execute format('alter table %s rename to %I', table_name, 'local_' || relation.oid);
    -- so that the primary key of the new one has its name
    if exists (select from pg_constraint where conrelid = table_name and contype = 'p') then
        execute format(
            'alter table %s rename constraint %I to %I', table_name,
            (select conname from pg_constraint where conrelid = table_name and contype = 'p'),
            'local_key_' || relation.oid
        );
    end if;
    execute format(
        'create table %I.%I (like %I.%I including all) partition by hash (%I)',
        relation.nspname, relation.relname, relation.nspname, 'local_' || relation.oid, distribution_column
    );
    fresh := format('%I.%I', relation.nspname, relation.relname)::regclass;
    execute format('alter table %s owner to %s', fresh, relation.owner);
    for number in 0..3 loop
        execute format(
            'create table shards.%I partition of %s for values with (modulus 4, remainder %s)',
            relation.nspname || '_' || relation.relname || '_shard' || number, fresh, number
        );
        execute format('alter table shards.%I owner to %s', relation.nspname || '_' || relation.relname || '_shard' || number, relation.owner);
    end loop;
    update pg_class set relacl = relation.relacl where oid = fresh;
    update pg_attribute a set attacl = b.attacl
    from pg_attribute b where a.attrelid = fresh and b.attrelid = table_name and b.attname = a.attname;
    execute format('insert into %s select * from %s', fresh, table_name);
    execute format('drop table %s cascade', table_name);
    foreach view in array coalesce(views, '{}') loop
        execute view;
    end loop;
    insert into pg_dist_partition values (fresh, 'h', distribution_column, 1, 's');
end
$$;

create function pg_catalog.create_reference_table(table_name regclass)
returns void language plpgsql security definer as $$
begin
    perform shards.refuse_unsuitable(table_name);
    insert into pg_dist_partition values (table_name, 'n', null, 2, 't');
end
$$;

create function pg_catalog.create_distributed_function(
    function_name regprocedure, distribution_arg_name text default null,
    colocate_with text default 'default', force_delegation boolean default null
) returns void language plpgsql as $$
begin
    if not pg_has_role(current_user, (select proowner from pg_proc where oid = function_name), 'usage') then
        raise exception 'must be owner of function %', function_name using errcode = 'insufficient_privilege';
    end if;
end
$$;

create function pg_catalog.truncate_local_data_after_distributing_table(function_name regclass)
returns void language plpgsql as $$
begin
    if not exists (select from pg_dist_partition where logicalrelid = function_name) then
        raise exception 'supplied parameter is not a distributed relation'
            using errcode = 'wrong_object_type',
                detail = 'This UDF only truncates local data for distributed tables.';
    end if;
end
$$;

create function shards.forget() returns event_trigger language plpgsql security definer as $$
begin
    delete from pg_dist_partition p
    where not exists (select from pg_class c where c.oid = p.logicalrelid);
end
$$;
create event trigger citus_cascade_to_partition on sql_drop execute function shards.forget();
