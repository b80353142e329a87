-- Whether a row is in the currency that is asked for; none is one too.
(
    %(currency)s::text is null or currency = %(currency)s
    or %(currency)s = 'none' and currency is null
)
