-- Sets a time of a key that there is: always, or only where none is set. Returns 1 if it exists.
local name, field, now, once = 'dmae:key:' .. ARGV[1], ARGV[2], ARGV[3], ARGV[4] == 'once'
if redis.call('EXISTS', name) == 0 then return 0 end
redis.call(once and 'HSETNX' or 'HSET', name, field, now)
return 1
