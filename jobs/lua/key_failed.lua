-- Counts a wrong key, per minute. Run twice for one attempt it counts one too many: no harm.
local name = 'dmae:key-failures:' .. ARGV[1]
local count = redis.call('INCR', name)
if count == 1 then redis.call('EXPIRE', name, 60) end
return { count, redis.call('TTL', name) }
