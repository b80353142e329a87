-- Update the statistics of a table that was just filled.
analyze {table}
