-- Rename a database; waits for up to five seconds until nobody is connected, and lets nobody in.
alter database {database} rename to {new}
