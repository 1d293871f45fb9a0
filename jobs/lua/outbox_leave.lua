-- Forgets a consumer that has nothing left to do; what it holds keeps it for others to take over.
local consumer = ARGV[1]
local outbox, group = 'dmae:outbox', 'webhooks'
local consumers = redis.pcall('XINFO', 'CONSUMERS', outbox, group)
if consumers.err then return 0 end
for _, entry in ipairs(consumers) do
  local known = {}
  for i = 1, #entry, 2 do known[entry[i]] = entry[i + 1] end
  if known.name == consumer and known.pending == 0 then
    return redis.call('XGROUP', 'DELCONSUMER', outbox, group, consumer)
  end
end
return 0
