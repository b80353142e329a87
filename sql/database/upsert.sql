-- Write whole rows of a read model, given by columns; a row of the same key is replaced.
insert into {table} (book, {columns})
select %(book)s, {values} from unnest({arrays}) as u ({columns})
on conflict ({key}) do update set ({columns}) = row ({excluded})
