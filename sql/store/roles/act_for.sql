-- Let the owner act for the service's role, as handing tables over to it asks.
grant {role} to current_user
