-- Drop the table of a build that nobody reads.
drop table if exists {table}
