-- Copy new rows into a read model.
copy {table} from stdin (format binary)
