-- Takes entries of the outbox for a consumer: those that another took and left, then new ones.
local consumer, count, idle_ms = ARGV[1], tonumber(ARGV[2]), ARGV[3]
local outbox, group = 'dmae:outbox', 'webhooks'

local function idle() return redis.pcall('XAUTOCLAIM', outbox, group, consumer, idle_ms, '0-0', 'COUNT', count) end

local left = idle()
if left.err then
  if redis.call('EXISTS', outbox) == 0 then return {} end
  redis.call('XGROUP', 'CREATE', outbox, group, '0')
  left = idle()
end
local entries = left[2]
local fresh = redis.call('XREADGROUP', 'GROUP', group, consumer, 'COUNT', count, 'STREAMS', outbox, '>')
if fresh then
  for _, entry in ipairs(fresh[1][2]) do entries[#entries + 1] = entry end
end
return entries
