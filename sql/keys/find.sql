-- The book that a key opens.
select book, id from store.api_key where sha256 = %(sha256)s and revoked_at is null
