-- What every script shares; goes before each of them.
--
-- Keys. Of a job: job, job:votes, job:leases, job:deaths (hashes), job:image (string). Of a model:
-- queued (list of job ids), running (zset, score = when to look whether it is stuck), live (zset of
-- queued and running jobs, score = deadline), remaining (hash, draws each live job still needs).
-- Of a request: inflight (its live job's id), certificate (its document). Of a worker: worker (its
-- heartbeat), held (set of the chunks it computes). Of the service: counters (hash).
local DAY = 86400
local CERTIFICATE_DAYS = 30
local GONE_DAYS = 7
local MOST_LISTED = 100000
local FIRST_BACKOFF = 4
local WORKERS = 'dmae:workers'
local COUNTERS = 'dmae:counters'
-- Upper ends of the classes that finished jobs are counted in, by their seconds.
local SECONDS = { 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 120, 300, 600, 1800, 3600, 14400 }

local function job_name(id) return 'dmae:job:{' .. id .. '}' end
local function votes_name(id) return job_name(id) .. ':votes' end
local function leases_name(id) return job_name(id) .. ':leases' end
local function deaths_name(id) return job_name(id) .. ':deaths' end
local function image_name(id) return job_name(id) .. ':image' end
local function queued_name(model) return 'dmae:queued:' .. model end
local function running_name(model) return 'dmae:running:' .. model end
local function live_name(model) return 'dmae:live:' .. model end
local function remaining_name(model) return 'dmae:remaining:' .. model end
local function inflight_name(document) return 'dmae:inflight:' .. document end
local function certificate_name(document) return 'dmae:certificate:' .. document end
local function listed_name(tenant) return 'dmae:jobs:' .. tenant end
local function group_name(tenant, group) return 'dmae:group:' .. tenant .. ':' .. group end
local function worker_name(worker) return 'dmae:worker:' .. worker end
local function held_name(worker) return 'dmae:held:' .. worker end

-- Numbers go out as text with all their digits; Lua's own conversion keeps fourteen.
local function text(number) return string.format('%.17g', number) end

-- Lets a shared key live at least this long; never shortens its life.
local function keep(key, seconds)
  if redis.call('TTL', key) < seconds then redis.call('EXPIRE', key, seconds) end
end

-- Counts what happened, in the script in which it happens: so exactly once, whoever dies.
local function count(what, number)
  redis.call('HINCRBY', COUNTERS, what, number or 1)
  redis.call('EXPIRE', COUNTERS, 366 * DAY)
end

local function alive(worker) return redis.call('EXISTS', worker_name(worker)) == 1 end

local FIELDS = { 'state', 'model', 'document', 'deadline_at', 'chunk', 'phase', 'start', 'stop',
  'next', 'request_done', 'step', 'backoff', 'tenant' }

-- The job's fields that scripts decide by, numbers as numbers; nil when there is no such job.
local function load_job(id)
  local values = redis.call('HMGET', job_name(id), unpack(FIELDS))
  if not values[1] then return nil end
  local job = { id = id, name = job_name(id) }
  for i, field in ipairs(FIELDS) do job[field] = values[i] end
  for _, field in ipairs({ 'deadline_at', 'chunk', 'start', 'stop', 'next', 'request_done', 'step',
    'backoff' }) do job[field] = tonumber(job[field]) end
  job.live = job.state == 'queued' or job.state == 'running'
  -- A release without tenants wrote none.
  job.tenant = job.tenant or 'local'
  return job
end

-- The tenant's job; nil when there is none, and then whether there was one.
local function load_owned(id, tenant)
  local job = load_job(id)
  if job then
    if job.tenant == tenant then return job end
    return nil, false
  end
  return nil, redis.call('ZSCORE', listed_name(tenant), id) ~= false
end

-- Enters a job into a list of its tenant, and forgets what has been gone from it for long. A job
-- stays in the list after its record has gone, so that its id is known to be gone.
local function list_job(list, id, now, deadline)
  local seconds = math.ceil(math.max(deadline - now, 0)) + (1 + GONE_DAYS) * DAY
  redis.call('ZADD', list, 'NX', text(now), id)
  redis.call('ZREMRANGEBYSCORE', list, '-inf', text(now - seconds))
  redis.call('ZREMRANGEBYRANK', list, 0, -MOST_LISTED - 1)
  keep(list, seconds)
end

-- Seconds for which the keys of a live job must stay: a day beyond its deadline.
local function lifetime(job, now)
  return math.ceil(math.max(job.deadline_at - now, 0)) + DAY
end

-- Counts a job that ends: its state, and what it proved in how many seconds.
local function count_end(job, state, now)
  count('jobs|' .. state)
  if state ~= 'succeeded' then return end
  local created, certificate = unpack(redis.call('HMGET', job.name, 'created_at', 'certificate'))
  -- Within a JSON string quotes are escaped: this is found in nothing that people wrote.
  count('verdicts|' .. (string.match(certificate or '', '"verdict":"([a-z_]+)"') or 'unknown'))
  local seconds = now - (tonumber(created) or now)
  local class = '+Inf'
  for i = #SECONDS, 1, -1 do
    if seconds <= SECONDS[i] then class = SECONDS[i] end
  end
  count('seconds|' .. class)
  redis.call('HINCRBYFLOAT', COUNTERS, 'seconds_sum', text(math.max(seconds, 0)))
end

-- The one way in which a live job ends. What only a live job needs goes at once.
local function settle(job, state, now)
  redis.call('HSET', job.name, 'state', state, 'finished_at', text(now))
  redis.call('HINCRBY', job.name, 'version', 1)
  redis.call('HDEL', job.name, 'interim', 'interim_draws')
  if job.state == 'queued' then redis.call('LREM', queued_name(job.model), 0, job.id) end
  redis.call('ZREM', running_name(job.model), job.id)
  redis.call('ZREM', live_name(job.model), job.id)
  redis.call('HDEL', remaining_name(job.model), job.id)
  local inflight = inflight_name(job.document)
  if redis.call('GET', inflight) == job.id then redis.call('DEL', inflight) end
  redis.call('DEL', votes_name(job.id), leases_name(job.id), deaths_name(job.id))
  redis.call('EXPIRE', job.name, DAY)
  redis.call('EXPIRE', image_name(job.id), DAY)
  count_end(job, state, now)
  job.state, job.live = state, false
end

-- Ends a live job before its time: with the last certificate that it has shown, if it has.
local function stop(job, state, now)
  local interim = redis.call('HMGET', job.name, 'interim', 'interim_draws')
  if not interim[1] then return settle(job, state, now) end
  redis.call('HSET', job.name, 'certificate', interim[1], 'ended_early', 1,
    'draws_done', interim[2], 'draws_planned', interim[2])
  settle(job, 'succeeded', now)
end

local function fail(job, code, message, now)
  redis.call('HSET', job.name, 'error_code', code, 'error_message', message)
  settle(job, 'failed', now)
end

-- Ends the job if its deadline has come.
local function expire_if_due(job, now)
  if job.live and now >= job.deadline_at then stop(job, 'expired', now) end
end

-- Ends all jobs of a model whose deadline has come; forgets those that are no more.
local function sweep(model, now)
  for _, id in ipairs(redis.call('ZRANGEBYSCORE', live_name(model), '-inf', text(now))) do
    local job = load_job(id)
    if job and job.live then
      stop(job, 'expired', now)
    else
      redis.call('ZREM', live_name(model), id)
      redis.call('ZREM', running_name(model), id)
      redis.call('HDEL', remaining_name(model), id)
    end
  end
end

-- Draws that the live jobs of a model still need.
local function outstanding(model)
  local draws = 0
  for _, left in ipairs(redis.call('HVALS', remaining_name(model))) do
    draws = draws + tonumber(left)
  end
  return draws
end

-- A chunk's name among those of its job.
local function chunk_field(phase, start) return phase .. ':' .. text(start) end

-- Where the chunk that starts here ends; nil when no chunk of the present request starts here.
local function chunk_stop(job, phase, start)
  if phase ~= job.phase or start < job.start or start >= job.next then return nil end
  if (start - job.start) % job.chunk ~= 0 then return nil end
  return math.min(start + job.chunk, job.stop)
end

-- Hands out up to `count` chunks that nobody was given yet: a flat list of starts and stops.
local function hand_out(job, count)
  local chunks, from = {}, job.next
  for _ = 1, count do
    if job.next >= job.stop then break end
    local stop = math.min(job.next + job.chunk, job.stop)
    chunks[#chunks + 1] = job.next
    chunks[#chunks + 1] = stop
    job.next = stop
  end
  if job.next > from then redis.call('HSET', job.name, 'next', text(job.next)) end
  return chunks
end

local function complete(job) return job.request_done >= job.stop - job.start end

-- Puts off the moment at which the job counts as stuck.
local function watch(job, now, backoff)
  redis.call('HSET', job.name, 'backoff', text(backoff))
  redis.call('ZADD', running_name(job.model), text(now + backoff), job.id)
  keep(running_name(job.model), lifetime(job, now))
end

-- Who computes a chunk, and since when; nil when nobody claims to.
local function lease_of(id, field)
  local lease = redis.call('HGET', leases_name(id), field)
  if not lease then return nil end
  local since, holder = string.match(lease, '^([^|]+)|(.*)$')
  return holder, tonumber(since)
end

local function release(id, field, worker)
  local holder = lease_of(id, field)
  redis.call('SREM', held_name(worker), id .. '|' .. field)
  if holder ~= worker then return false end
  redis.call('HDEL', leases_name(id), field)
  return true
end

-- Forgets a job that has ended, all but that there was one.
local function erase(id, tenant, now)
  list_job(listed_name(tenant), id, now, now)
  redis.call('DEL', job_name(id), image_name(id), votes_name(id), leases_name(id), deaths_name(id))
end

-- What a reader is told of a job.
local ROW = { 'spec', 'state', 'version', 'phase', 'draws_done', 'draws_planned', 'started_at',
  'finished_at', 'last_commit_at', 'certificate', 'interim', 'error_code', 'error_message',
  'cached' }
local function row(job)
  local values = redis.call('HMGET', job.name, unpack(ROW))
  values[#ROW + 1] = 0
  return values
end
