-- Create the database that a backup is restored into, as the private one is created.
create database {database} template template0 encoding 'UTF8' lc_collate 'C' lc_ctype 'C'
