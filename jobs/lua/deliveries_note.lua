-- Writes an attempt down. State 'pending' has a time of the next one; every other is the last. Where
-- somebody asked for it again while the attempt was under way, it stays due.
local id, n, attempt, record = ARGV[1], ARGV[2], ARGV[3], ARGV[4]
local state, next_at, asked, kept = ARGV[5], ARGV[6], ARGV[7], tonumber(ARGV[8])
local log, member = deliveries_name(id), ARGV[1] .. '|' .. ARGV[2]
if redis.call('HEXISTS', log, n) == 0 then
  redis.call('ZREM', 'dmae:deliveries:due', member)
  return redis.status_reply('gone')
end
if redis.call('HGET', log, n .. ':attempts') ~= attempt then count('deliveries|' .. state) end
redis.call('HSET', log, n .. ':attempt:' .. attempt, record, n .. ':attempts', attempt)
redis.call('HDEL', log, n .. ':attempt:' .. (attempt - kept))
if (redis.call('HGET', log, n .. ':asked') or '0') ~= asked then return redis.status_reply('asked') end
redis.call('HSET', log, n .. ':state', state)
if state == 'pending' then
  redis.call('ZADD', 'dmae:deliveries:due', next_at, member)
else
  redis.call('ZREM', 'dmae:deliveries:due', member)
end
return redis.status_reply('noted')
