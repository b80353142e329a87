-- Set the timeouts of a session that only some servers support.
select set_config(name, value, false)
from (values
    ('transaction_timeout', %(transaction)s),
    ('client_connection_check_interval', '2s')
) as known (name, value)
where current_setting(name, true) is not null
