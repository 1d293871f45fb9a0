-- Hands out deliveries that are due. Whoever got one has it for some seconds; then it is due again,
-- for anybody, unless an attempt was written down.
local now, lease, count = tonumber(ARGV[1]), tonumber(ARGV[2]), ARGV[3]
local claimed = {}
for _, member in ipairs(redis.call('ZRANGEBYSCORE', 'dmae:deliveries:due', '-inf', text(now), 'LIMIT', 0, count)) do
  local id, n = string.match(member, '^(.*)|(%d+)$')
  local found = redis.call('HMGET', deliveries_name(id), n, n .. ':attempts', n .. ':from',
    n .. ':asked')
  if found[1] then
    redis.call('ZADD', 'dmae:deliveries:due', text(now + lease), member)
    claimed[#claimed + 1] = { id, n, found[1], found[2], found[3], found[4] or '0' }
  else
    redis.call('ZREM', 'dmae:deliveries:due', member)
  end
end
return claimed
