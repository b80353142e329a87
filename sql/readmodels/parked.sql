-- The parked streams of one build.
select book, stream, position, error, parked_at from read.parked
where build = %(build)s and (%(book)s::text is null or book = %(book)s)
order by book, stream
limit %(most)s
