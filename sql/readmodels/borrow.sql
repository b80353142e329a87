-- Show the rows of another version under this one's names.
create or replace view {view} as select {columns} from {older}
