-- The migrations that were applied, each with the checksum of its text.
select name, sha256 from store.migration
