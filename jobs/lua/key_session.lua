local id = redis.call('GET', ARGV[1])
if not id then return false end
return redis.call('HMGET', 'dmae:key:' .. id, ARGV[2], ARGV[3], ARGV[4])
