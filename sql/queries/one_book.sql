-- Let all statements of this transaction see the same book.
set transaction isolation level repeatable read, read only
