-- Leases by name, and for how long nobody has had them; 0 where somebody has.
select name, greatest(0, extract(epoch from now() - expires_at))::float8 as vacant_seconds
from read.lease
where name = any(%(names)s)
