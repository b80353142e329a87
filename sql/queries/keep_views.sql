-- Keep views of read models as they are until the end of the transaction.
lock table {views} in access share mode
