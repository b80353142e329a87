-- What a key opens.
select book, id, scopes from store.api_key where sha256 = %(sha256)s and revoked_at is null
