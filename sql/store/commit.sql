-- Make it durable.
commit
