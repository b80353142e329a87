-- Count the blocks of the events; null if they are not in the blocks of one plain table.
select case
    when c.relkind = 'r' and a.amname = 'heap'
        and not exists (select from pg_inherits i where i.inhparent = c.oid)
    then pg_relation_size(c.oid) / current_setting('block_size')::bigint
end as blocks
from pg_class c
left join pg_am a on a.oid = c.relam
where c.oid = 'store.event'::regclass
