-- Drop a database that nobody uses.
drop database if exists {database}
