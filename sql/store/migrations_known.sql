-- Get the applied migrations with the checksums of their texts.
select name, sha256 from store.migration
