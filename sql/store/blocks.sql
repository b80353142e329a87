-- How many blocks the events take up.
select (pg_relation_size('store.event') / current_setting('block_size')::bigint)::bigint as blocks
