-- Add rows to what is counted, one by one, or take them out.
select {date} as at, coalesce(currency, 'none') as currency, kind, {sign} 1 as count,
    {sign} amount as amount, {sign} fee as fee
from ({counted}) c
where {date} >= %(begin)s and {date} < %(until)s
