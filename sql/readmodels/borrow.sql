-- Show another version's rows under the names of this version.
create or replace view {view} as select {columns} from {older}
