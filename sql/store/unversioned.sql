-- Check for an event store without recorded migrations, created by an unreleased version.
select to_regclass('store.event') is not null as unversioned
