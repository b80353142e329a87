-- Find the book and the scopes of a key by its hash.
select book, id, scopes from store.api_key where sha256 = %(sha256)s and revoked_at is null
