-- Take a lease, or keep it; no row where somebody else holds it.
insert into read.lease (name, owner, expires_at)
values (%(name)s, %(owner)s, now() + %(ttl)s)
on conflict (name) do update set owner = excluded.owner, expires_at = excluded.expires_at
where read.lease.owner = excluded.owner or read.lease.expires_at < now()
returning name
