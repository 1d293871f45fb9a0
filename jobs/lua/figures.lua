-- What is going on, for whoever watches the service: what was counted, the workers with the age of
-- their heartbeats in milliseconds, the server's memory, of each model that is named the live jobs by
-- state and priority, with the draws that they need and since when the oldest waits, and how many
-- messages about jobs are still to be sent.
local heartbeat = 1000 * tonumber(ARGV[1])
local workers, models = {}, {}
for _, worker in ipairs(redis.call('SMEMBERS', WORKERS)) do
  local info = redis.call('GET', worker_name(worker))
  if info then workers[#workers + 1] = { info, heartbeat - redis.call('PTTL', worker_name(worker)) } end
end

local function figures_of(model)
  local groups, order = {}, {}
  for _, id in ipairs(redis.call('ZRANGE', live_name(model), 0, -1)) do
    local state, priority, created, planned, done = unpack(redis.call('HMGET', job_name(id), 'state',
      'priority', 'created_at', 'draws_planned', 'draws_done'))
    if state == 'queued' or state == 'running' then
      local name = state .. '|' .. (priority or 'normal')
      local group = groups[name]
      if not group then
        group = { state = state, priority = priority or 'normal', jobs = 0, draws = 0 }
        groups[name], order[#order + 1] = group, group
      end
      group.jobs = group.jobs + 1
      group.draws = group.draws + planned - done
      group.oldest = math.min(group.oldest or math.huge, tonumber(created) or math.huge)
    end
  end
  local rows = {}
  for _, group in ipairs(order) do
    rows[#rows + 1] = { group.state, group.priority, group.jobs, group.draws, text(group.oldest) }
  end
  return rows
end

for i = 2, #ARGV do models[#models + 1] = { ARGV[i], figures_of(ARGV[i]) } end
local memory = redis.call('INFO', 'memory')
return { redis.call('HGETALL', COUNTERS), workers,
  { string.match(memory, 'used_memory:(%d+)'), string.match(memory, 'maxmemory:(%d+)') }, models,
  redis.call('ZCARD', 'dmae:deliveries:due') }
