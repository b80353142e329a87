-- Check whether the store has an event.
select exists (select from store.event) as holds
