local model, now = ARGV[1], tonumber(ARGV[2])
sweep(live_name(model), now)
recount(model, now)
return { number_of(books_name(model), 'draws'), redis.call('ZCARD', live_name(model)) }
