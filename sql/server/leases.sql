-- Get each lease, and for how long it has been free; 0 while it is held.
select name, greatest(0, extract(epoch from now() - expires_at))::float8 as vacant_seconds
from read.lease
where name = any(%(names)s)
