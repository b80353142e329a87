-- Get the role, the database and the server version of the connection.
select current_user as role, current_database() as database,
    split_part(current_setting('server_version'), ' ', 1) as version
