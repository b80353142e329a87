-- Let the planner know a table that was just filled.
analyze {table}
