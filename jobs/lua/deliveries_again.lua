-- Makes a delivery due now, with all its attempts before it once more.
local id, n, now = ARGV[1], ARGV[2], ARGV[3]
local log = deliveries_name(id)
local attempts = redis.call('HGET', log, n .. ':attempts')
if not attempts then return 0 end
redis.call('HSET', log, n .. ':state', 'pending', n .. ':from', attempts)
redis.call('HINCRBY', log, n .. ':asked', 1)
redis.call('ZADD', 'dmae:deliveries:due', now, id .. '|' .. n)
return 1
