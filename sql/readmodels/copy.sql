-- Write many whole rows of a read model that are not there yet.
copy {table} from stdin (format binary)
