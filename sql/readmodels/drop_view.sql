-- Drop a view of the read models.
drop view {view}
