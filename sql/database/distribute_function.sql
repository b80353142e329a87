-- Create a function on every node.
select create_distributed_function(%(function)s::regprocedure)
