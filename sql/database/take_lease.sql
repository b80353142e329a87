-- Acquire or renew a lease, and record its progress; no row if another process holds it.
insert into read.lease (name, owner, since, expires_at, doing, done, total)
values (%(name)s, %(owner)s, now(), now() + %(ttl)s, %(doing)s, %(done)s, %(total)s)
on conflict (name) do update set
    since = case when read.lease.owner = excluded.owner then read.lease.since else excluded.since end,
    owner = excluded.owner, expires_at = excluded.expires_at,
    doing = excluded.doing, done = excluded.done, total = excluded.total
where read.lease.owner = excluded.owner or read.lease.expires_at < excluded.since
returning name
