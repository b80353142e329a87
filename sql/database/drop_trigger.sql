-- Drop a trigger.
drop trigger {trigger} on {table}
