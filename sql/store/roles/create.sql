-- Make a role that may connect, and nothing else yet.
create role {role} login password {password}
