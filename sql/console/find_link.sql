-- Find the book of a link.
select book from store.console_link where sha256 = %(sha256)s and expires_at > now()
