-- Forget the lag of more than two days ago.
delete from store.lag where minute < now() - interval '2 days'
