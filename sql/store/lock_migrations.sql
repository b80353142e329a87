-- Serialise the migrations of processes that start together; reading the applied ones waits for nothing.
lock table store.migration in share row exclusive mode
