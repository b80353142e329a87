-- Count all rows of a filled read model, in all books.
insert into {counts} (book, day, booked_by, currency, kind, count, amount, fee)
select b.book, d.*
from (select distinct book from {table}) b
cross join lateral ({by_day}) d
