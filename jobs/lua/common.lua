-- What every script shares; goes, with `lines`, `books`, `turns` and `ends`, before each of them.
--
-- Keys. Of a job: job, job:votes, job:leases, job:deaths (hashes), job:image (string). Of a model:
-- running (zset, score = when to look whether it is stuck), live (zset of queued and running jobs,
-- score = deadline), books (see `books`), and its lines and queues (see `turns`). Of an id that was
-- deleted: gone. Of a tenant: busy (its live jobs, score = deadline), jobs (all, score = when
-- submitted), account (see `books`). Of a request: inflight (its live job's id), certificate (its
-- document), known (id of a job that shows that). Of an image and a model: asked (set of questions).
-- Of a worker: worker (its heartbeat), held (set of the chunks it computes). Of the service: counters
-- (hash), outbox (stream of jobs that ended and have a receiver).
local DAY = 86400
local CERTIFICATE_DAYS = 30
local GONE_DAYS = 7
local MOST_LISTED = 100000
local MOST_ASKED = 1000
local FIRST_BACKOFF = 4
local WORKERS = 'dmae:workers'
local COUNTERS = 'dmae:counters'

local function job_name(id) return 'dmae:job:{' .. id .. '}' end
local function votes_name(id) return job_name(id) .. ':votes' end
local function leases_name(id) return job_name(id) .. ':leases' end
local function deaths_name(id) return job_name(id) .. ':deaths' end
local function image_name(id) return job_name(id) .. ':image' end
local function evaluation_name(id) return 'dmae:evaluation:{' .. id .. '}' end
-- What ended is a job by its id, or an evaluation by its id behind this word: whoever chooses a job's id
-- may choose that of an evaluation, even of another tenant's.
local EVALUATION = 'evaluation:'
local function ended_name(ended)
  if string.sub(ended, 1, #EVALUATION) ~= EVALUATION then return job_name(ended) end
  return evaluation_name(string.sub(ended, #EVALUATION + 1))
end
local function deliveries_name(ended) return ended_name(ended) .. ':deliveries' end
local function running_name(model) return 'dmae:running:' .. model end
local function live_name(model) return 'dmae:live:' .. model end
local function inflight_name(document) return 'dmae:inflight:' .. document end
local function certificate_name(document) return 'dmae:certificate:' .. document end
local function known_name(document) return 'dmae:known:' .. document end
local function asked_name(subject) return 'dmae:asked:' .. subject end
local function gone_name(id) return 'dmae:gone:' .. id end
local function busy_name(tenant) return 'dmae:busy:' .. tenant end
local function listed_name(tenant) return 'dmae:jobs:' .. tenant end
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

-- What is new is refused while the server may take only a tenth more memory: at the end of that it refuses
-- every write, and with it heartbeats, votes, what is erased to make room, and the end of a key. Returns
-- the refusal, as the server words its own, or nil.
local FULL = 0.9
local function no_room()
  local memory = redis.call('INFO', 'memory')
  local used, most = string.match(memory, 'used_memory:(%d+)'), string.match(memory, 'maxmemory:(%d+)')
  if tonumber(most) == 0 or tonumber(used) < FULL * tonumber(most) then return nil end
  return redis.error_reply('OOM what is left is for what is under way')
end

local function alive(worker) return redis.call('EXISTS', worker_name(worker)) == 1 end

local WORDS = { 'state', 'model', 'document', 'phase', 'tenant', 'priority', 'webhook', 'day',
  'asked' }
local NUMBERS = { 'deadline_at', 'chunk', 'start', 'stop', 'next', 'request_done', 'step', 'backoff',
  'draws_done', 'draws_planned', 'most', 'weight' }

-- The job's fields that scripts decide by; nil when there is no such job.
local function load_job(id)
  local job = { id = id, name = job_name(id) }
  local words = redis.call('HMGET', job.name, unpack(WORDS))
  if not words[1] then return nil end
  local numbers = redis.call('HMGET', job.name, unpack(NUMBERS))
  for i, field in ipairs(WORDS) do job[field] = words[i] end
  for i, field in ipairs(NUMBERS) do job[field] = tonumber(numbers[i]) end
  job.live = job.state == 'queued' or job.state == 'running'
  -- A release without tenants wrote none of these.
  job.tenant, job.priority = job.tenant or 'local', job.priority or 'normal'
  job.weight = job.weight or 1
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

-- Has a list know an id that is gone, if it does not know it already.
local function list_gone(list, id, now)
  redis.call('ZADD', list, 'NX', text(now), id)
  keep(list, (1 + GONE_DAYS) * DAY)
end

-- Enters a job into a list of its tenant, and forgets what has been gone from it for long: that every
-- job of the list has as much time as this one is taken for granted. A job stays in the list after its
-- record has gone, so that its id is known to be gone.
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

-- A chunk's name among those of its job.
local function chunk_field(phase, start) return phase .. ':' .. text(start) end

-- Where the chunk that starts here ends; nil when no chunk of the present request starts here.
local function chunk_stop(job, phase, start)
  if phase ~= job.phase or start < job.start or start >= job.next then return nil end
  if (start - job.start) % job.chunk ~= 0 then return nil end
  return math.min(start + job.chunk, job.stop)
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
