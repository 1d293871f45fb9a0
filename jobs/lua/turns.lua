-- Whose turn it is. Of each model there is a line of tenants, of each tenant in it a line of its
-- priorities, of each priority a line of its jobs that have chunks to hand out, and a queue of those
-- that have not started (zset, in the order in which they came). So a tenant's share of the workers
-- depends on its weight alone, whatever the number, the size and the urgency of its jobs; and its
-- urgent jobs take most of that share. A flow is what one tenant has at one priority.
local SHARES = { interactive = 16, normal = 4, batch = 1 }
local URGENCY = { 'interactive', 'normal', 'batch' }
local RECOUNT_SECONDS = 60

local function tenants_name(model) return 'dmae:line:' .. model end
local function priorities_name(model, tenant) return 'dmae:line_of:' .. model .. ':' .. tenant end
local function flow_of(model, tenant, priority) return model .. ':' .. tenant .. ':' .. priority end
local function flow(job) return flow_of(job.model, job.tenant, job.priority) end
local function queue_name(flow) return 'dmae:queue:' .. flow end
local function ready_name(flow) return 'dmae:ready:' .. flow end
local function started_name(flow) return 'dmae:started:' .. flow end

-- How many tenants the workers of a model are shared among, this one included.
local function sharers(model, tenant)
  local line = tenants_name(model)
  return redis.call('ZCARD', line) + (redis.call('ZSCORE', line, tenant) and 0 or 1)
end

-- The draws that a tenant's live jobs of a model need, and how many they are: its account is of all
-- models.
local function own(model, tenant)
  local draws, jobs = 0, 0
  for _, id in ipairs(redis.call('ZRANGE', busy_name(tenant), 0, -1)) do
    local job = redis.call('HMGET', job_name(id), 'model', 'draws_planned', 'draws_done')
    if job[1] == model then draws, jobs = draws + job[2] - job[3], jobs + 1 end
  end
  return draws, jobs
end

-- The draws of a model, with those of one more job, and its jobs, as far as they are in the way of that
-- job. The others' are not while its tenant has less than an equal part: it does not wait for them.
local function ahead(model, tenant, planned)
  local among, own_draws, own_jobs = sharers(model, tenant), own(model, tenant)
  local draws, jobs = number_of(books_name(model), 'draws'), redis.call('ZCARD', live_name(model))
  return math.min(draws + planned, among * (own_draws + planned)), math.min(jobs, among * own_jobs)
end

local function line_up(job, seconds)
  join(priorities_name(job.model, job.tenant), job.priority, seconds)
  join(tenants_name(job.model), job.tenant, seconds)
end

-- Lets a live job wait for its turn, if there is anything for it to wait for.
local function step_in(job, now)
  local seconds, queue, started = lifetime(job, now), queue_name(flow(job)), started_name(flow(job))
  if job.state == 'queued' then
    if not redis.call('ZSCORE', queue, job.id) then
      local last = redis.call('ZRANGE', queue, -1, -1, 'WITHSCORES')[2]
      -- Behind all others, though a clock be late; a score holds microseconds.
      redis.call('ZADD', queue, text(math.max(now, tonumber(last or 0) + 1e-5)), job.id)
    end
    keep(queue, seconds)
    return line_up(job, seconds)
  end
  redis.call('SADD', started, job.id)
  keep(started, seconds)
  if job.next < job.stop then
    join(ready_name(flow(job)), job.id, seconds)
    line_up(job, seconds)
  end
end

-- Takes a job out of where it waits; one that is queued may have its place among those started.
local function step_out(job)
  local queue = queue_name(flow(job))
  redis.call('ZREM', queue, job.id)
  redis.call('SREM', started_name(flow(job)), job.id)
  leave(ready_name(flow(job)), job.id)
  local seconds = redis.call('TTL', queue)
  if seconds > 0 then line_up(job, seconds) end
end

-- Makes a live job more urgent.
local function promote(job, priority, now)
  step_out(job)
  job.priority = priority
  redis.call('HSET', job.name, 'priority', priority)
  step_in(job, now)
end

-- Place among the tenant's queued jobs of this model, the next one's being 1; 0 for another job.
local function position(job)
  local rank = job.state == 'queued' and redis.call('ZRANK', queue_name(flow(job)), job.id)
  if not rank then return 0 end
  for _, priority in ipairs(URGENCY) do
    if priority == job.priority then break end
    rank = rank + redis.call('ZCARD', queue_name(flow_of(job.model, job.tenant, priority)))
  end
  return rank + 1
end

-- Counts the books of a model anew, and finds every live job a place to wait.
local function recount(model, now)
  local books, draws, handed, seen = books_name(model), 0, 0, {}
  if math.abs(now - number_of(books, 'counted_at')) < RECOUNT_SECONDS then return end
  for _, id in ipairs(redis.call('ZRANGE', live_name(model), 0, -1)) do
    local job = load_job(id)
    if job and job.live then
      draws, handed = draws + owed(job), handed + out(job)
      if not seen[flow(job)] then redis.call('DEL', started_name(flow(job))) end
      seen[flow(job)] = true
      step_in(job, now)
      if redis.call('ZADD', busy_name(job.tenant), text(job.deadline_at), id) == 1 then
        keep(busy_name(job.tenant), lifetime(job, now))
        redis.call('HDEL', account_name(job.tenant), 'counted_at')
      end
    else
      redis.call('ZREM', live_name(model), id)
    end
  end
  redis.call('HSET', books, 'draws', text(draws), 'out', text(handed), 'counted_at', text(now))
  redis.call('EXPIRE', books, DAY)
end

-- The same for a tenant's account.
local function recount_account(tenant, now)
  local account, draws = account_name(tenant), 0
  if math.abs(now - number_of(account, 'counted_at')) < RECOUNT_SECONDS then return end
  for _, id in ipairs(redis.call('ZRANGE', busy_name(tenant), 0, -1)) do
    local job = load_job(id)
    if job and job.live then
      draws = draws + owed(job)
    else
      redis.call('ZREM', busy_name(tenant), id)
    end
  end
  redis.call('HSET', account, 'draws', text(draws), 'counted_at', text(now))
  redis.call('EXPIRE', account, DAY)
end

-- The next job of a flow: one that has not started while few have, else one that has.
local function next_of(flow, most_started)
  local queue, ready = queue_name(flow), ready_name(flow)
  while redis.call('SCARD', started_name(flow)) < most_started do
    local id = redis.call('ZRANGE', queue, 0, 0)[1]
    if not id then break end
    local job = load_job(id)
    if job and job.state == 'queued' then return job end
    redis.call('ZREM', queue, id)
  end
  while true do
    local id = first(ready)[1]
    if not id then return nil end
    local job = load_job(id)
    if job and job.state == 'running' and job.next < job.stop then return job end
    leave(ready, id)
  end
end

local function next_job(model, most_started)
  while true do
    local tenant = first(tenants_name(model))[1]
    if not tenant then return nil end
    local priority = first(priorities_name(model, tenant))[1]
    local job = priority and next_of(flow_of(model, tenant, priority), most_started)
    if job then return job end
    if priority then
      leave(priorities_name(model, tenant), priority)
    else
      leave(tenants_name(model), tenant)
    end
  end
end

local function start(job, now)
  redis.call('HSET', job.name, 'state', 'running', 'started_at', text(now))
  redis.call('HINCRBY', job.name, 'version', 1)
  redis.call('ZREM', queue_name(flow(job)), job.id)
  job.state = 'running'
  step_in(job, now)
end

-- Hands out chunks, each to whose turn it is, while fewer draws are out than a window of whole chunks:
-- the id, phase, start and stop of each.
local function serve(model, room, now)
  recount(model, now)
  local chunks, handed = {}, number_of(books_name(model), 'out')
  while #chunks < 4 * room.most_chunks do
    local job = next_job(model, room.most_started)
    if not job or handed >= room.window * job.chunk then break end
    if job.state == 'queued' then start(job, now) end
    -- What is not out cannot be lost.
    if out(job) == 0 then watch(job, now, FIRST_BACKOFF) end
    local from = job.next
    job.next = math.min(from + job.chunk, job.stop)
    for _, part in ipairs({ job.id, job.phase, from, job.next }) do chunks[#chunks + 1] = part end
    redis.call('HSET', job.name, 'next', text(job.next))
    local draws = job.next - from
    hand(job, draws)
    handed = handed + draws
    pay(ready_name(flow(job)), job.id, draws)
    pay(priorities_name(model, job.tenant), job.priority, draws / SHARES[job.priority])
    pay(tenants_name(model), job.tenant, draws / job.weight)
    if job.next >= job.stop then leave(ready_name(flow(job)), job.id) end
  end
  return chunks
end

local function room_of(window, most_started, most_chunks)
  return { window = tonumber(window), most_started = tonumber(most_started),
    most_chunks = tonumber(most_chunks) }
end
