local model, now = ARGV[1], tonumber(ARGV[2])
sweep(model, now)
return { outstanding(model), redis.call('ZCARD', live_name(model)) }
