-- Whether there is an event store although no migration is recorded: an unreleased version made it.
select to_regclass('store.event') is not null as unversioned
