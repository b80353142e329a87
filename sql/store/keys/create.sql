-- Store the hash of a new key.
insert into store.api_key (book, id, sha256, scopes, label)
values (%(book)s, %(id)s, %(sha256)s, %(scopes)s, %(label)s)
