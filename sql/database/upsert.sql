-- Upsert whole rows of a read model, sent as one array per column.
insert into {table} (book, {columns})
select %(book)s, {values} from unnest({arrays}) as u ({columns})
on conflict ({key}) do update set ({columns}) = row ({excluded})
