-- Who is connected, to which database, of which version of PostgreSQL.
select current_user as role, current_database() as database,
    split_part(current_setting('server_version'), ' ', 1) as version
