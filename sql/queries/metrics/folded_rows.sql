-- List rows as they were folded up to a position.
jsonb_populate_recordset(null::{view}, %(rows)s::jsonb)
