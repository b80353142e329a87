-- Count all rows of a book in a filled read model.
insert into {counts} (book, day, booked_by, currency, kind, count, amount, fee)
select {book}, day, booked_by, currency, kind, count, amount, fee
from ({by_day}) d
