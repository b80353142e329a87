-- Create a role that may only connect.
create role {role} login password {password}
