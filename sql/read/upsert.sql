-- Write one whole row of a read model; a row of the same key is replaced.
insert into {table} ({columns}) values ({values})
on conflict ({key}) do update set ({columns}) = row ({excluded})
