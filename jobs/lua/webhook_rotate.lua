-- The next generation of a tenant's secret; asked twice at one moment, it is one generation.
local name, now = 'dmae:webhook-secret:' .. ARGV[1], ARGV[2]
local newest = redis.call('HMGET', name, 'number', 'since')
if newest[2] ~= now then
  local number = tonumber(newest[1] or '1') + 1
  redis.call('HSET', name, 'number', number, 'since', now)
end
return redis.call('HMGET', name, 'number', 'since')
