-- Evaluations: sets of jobs with one record. What is asked of this script is its first argument.
--
-- Keys of one: evaluation (hash), items (index -> as given), results (index -> how it ended), own and
-- joined (index -> its live job, which it made or found), pending (zset of what is still to be
-- submitted), images (index -> upload, until it is submitted). Of a tenant: a list. Of all: LIVE.
local LIVE = 'dmae:evaluations:live'
local KEPT = 7 * DAY
local CLAIM = 10
local UPLOADING = 3600
-- More than a job's version ever is, for one that is gone: its evaluation's must not fall.
local GONE_VERSION = 10000000

local ask, id, now = ARGV[1], ARGV[2], tonumber(ARGV[3])

-- That of a tenant called "live" is not LIVE: no tenant's name has a colon.
local function evaluations_name(tenant)
  local name = 'dmae:evaluations:' .. tenant
  return name == LIVE and name .. ':' or name
end

local function open(one)
  local name = evaluation_name(one)
  local e = { id = one, name = name, items = name .. ':items', results = name .. ':results',
    own = name .. ':own', joined = name .. ':joined', pending = name .. ':pending',
    images = name .. ':images' }
  e.state, e.tenant, e.deadline_at = unpack(redis.call('HMGET', name, 'state', 'tenant', 'deadline_at'))
  e.deadline_at = tonumber(e.deadline_at)
  e.live = e.state == 'running'
  return e
end

-- Another tenant may have been first to give a job the id that an item's would have had.
local function job_of(e, job_id)
  return (load_owned(job_id, e.tenant))
end

local function is_empty(e)
  return redis.call('EXISTS', e.pending, e.own, e.joined) == 0
end

-- An item has ended.
local function conclude(e, index, result, version)
  redis.call('HSET', e.results, index, cjson.encode(result))
  redis.call('HINCRBY', e.name, 'version', (version or 0) + 1)
  redis.call('HINCRBY', e.name, 'draws', result.draws or 0)
  if result.state == 'succeeded' then redis.call('HINCRBY', e.name, 'succeeded', 1) end
end

local function drop_pending(e, index)
  if redis.call('ZREM', e.pending, index) == 0 then return false end
  redis.call('HINCRBY', e.name, 'bytes', -redis.call('HSTRLEN', e.images, index))
  redis.call('HDEL', e.images, index)
  return true
end

-- How a job ended, as its evaluation keeps it: jobs are forgotten sooner.
local function result_of(job_id, job, own)
  local result = { job = job_id, own = own, state = job and job.state or 'deleted' }
  if not job then return result, GONE_VERSION end
  local certificate, version, draws, code, message = unpack(redis.call('HMGET', job.name,
    'certificate', 'version', 'draws_done', 'error_code', 'error_message'))
  result.draws = tonumber(draws)
  if code then result.code, result.message = code, message end
  if certificate then
    local document = cjson.decode(certificate)
    local predicted = type(document.predicted) == 'table' and document.predicted.index
    result.predicted = predicted or -1
    result.radius = tonumber(document.radius) or 0
    result.seconds = tonumber(document.duration_s) or 0
  end
  return result, tonumber(version)
end

local function finish(e, state)
  redis.call('HSET', e.name, 'state', state, 'finished_at', text(now), 'bytes', 0)
  redis.call('HINCRBY', e.name, 'version', 1)
  redis.call('ZREM', LIVE, e.id)
  redis.call('DEL', e.pending, e.own, e.joined, e.images)
  for _, key in ipairs({ e.name, e.items, e.results }) do redis.call('EXPIRE', key, KEPT) end
  -- Within a JSON string quotes are escaped: this is found in nothing that people wrote.
  if string.find(redis.call('HGET', e.name, 'spec') or '', '"webhook":{', 1, true) then
    redis.call('XADD', OUTBOX, 'MAXLEN', '~', MOST_IN_OUTBOX, '*', 'evaluation', e.id,
      'tenant', e.tenant)
  end
  e.state, e.live = state, false
end

-- Calls back with each live item: its index, its job's id, the job or nil, and in which hash it is.
local function each_open(e, visit)
  for _, key in ipairs({ e.own, e.joined }) do
    local flat = redis.call('HGETALL', key)
    for i = 1, #flat, 2 do
      local job = job_of(e, flat[i + 1])
      if job then expire_if_due(job, now) end
      visit(flat[i], flat[i + 1], job, key)
    end
  end
end

-- Ends all that has not: jobs that it made are stopped, jobs that it found go on.
local function halt(e, state)
  each_open(e, function(index, job_id, job, key)
    if job and job.live and key == e.own then stop(job, state, now) end
    local result, version = result_of(job_id, job, key == e.own)
    if job and job.live then result.state = state end
    conclude(e, index, result, version)
  end)
  for _, index in ipairs(redis.call('ZRANGE', e.pending, 0, -1)) do
    conclude(e, index, { state = state })
  end
  finish(e, state)
end

-- Takes over what has ended since.
local function refresh(e)
  if not e.live then return end
  each_open(e, function(index, job_id, job, key)
    if job and job.live then return end
    redis.call('HDEL', key, index)
    local result, version = result_of(job_id, job, key == e.own)
    conclude(e, index, result, version)
  end)
  if is_empty(e) then
    local succeeded = tonumber(redis.call('HGET', e.name, 'succeeded') or 0)
    return finish(e, succeeded > 0 and 'succeeded' or 'failed')
  end
  if now >= e.deadline_at then halt(e, 'expired') end
end

-- The tenant's evaluation, or 0 when there is none, or 1 when there was one.
local function owned(tenant)
  local e = open(id)
  if e.state and e.tenant == tenant then return e end
  return nil, not e.state and redis.call('ZSCORE', evaluations_name(tenant), id) and 1 or 0
end

local function lengths(e)
  return redis.call('HLEN', e.items), redis.call('HLEN', e.results), redis.call('ZCARD', e.pending)
end

-- What a reader is told without the items.
local function head(e)
  local spec, version, finished, draws = unpack(redis.call('HMGET', e.name, 'spec', 'version',
    'finished_at', 'draws'))
  local children = {}
  version, draws = tonumber(version), tonumber(draws)
  if e.live then
    each_open(e, function(index, job_id, job)
      if not job then return end
      local told = redis.call('HMGET', job.name, 'version', 'draws_done', 'draws_planned')
      version = version + tonumber(told[1])
      children[#children + 1] = { index, job_id, job.state, told[2], told[3] }
    end)
  end
  return { spec, e.state, text(version), finished, text(draws), { lengths(e) }, children }
end

-- Whether a tenant may begin one more, with so many bytes of images.
local function admits(tenant, bytes, most, most_bytes, most_own)
  local live, waiting, own_bytes = 0, 0, 0
  for _, one in ipairs(redis.call('ZRANGE', LIVE, 0, -1)) do
    local owner, size = unpack(redis.call('HMGET', evaluation_name(one), 'tenant', 'bytes'))
    if not owner then redis.call('ZREM', LIVE, one) end
    size = tonumber(size or 0)
    if owner == tenant then live, own_bytes = live + 1, own_bytes + size end
    waiting = waiting + size
  end
  if live >= most then return 'busy' end
  local full = waiting + bytes > most_bytes or own_bytes + bytes > most_own
  return full and 'full' or 'admitted'
end

local answers = {}

function answers.admits()
  return admits(ARGV[4], tonumber(ARGV[5]), tonumber(ARGV[6]), tonumber(ARGV[7]), tonumber(ARGV[8]))
end

-- Before there is a record, under a name of its own: forgotten within the hour if none comes.
function answers.upload()
  local refusal = no_room()
  if refusal then return refusal end
  local images = open(id).images
  redis.call('HSET', images, ARGV[4], ARGV[5])
  keep(images, UPLOADING)
end

function answers.create()
  local tenant, bytes, spec, deadline = ARGV[4], tonumber(ARGV[5]), ARGV[9], tonumber(ARGV[10])
  local uploads, first_item = open(ARGV[11]).images, 12
  local e = open(id)
  if e.state then
    redis.call('DEL', uploads)
    local before = cjson.decode(redis.call('HGET', e.name, 'spec'))
    return before.payload_sha256 == cjson.decode(spec).payload_sha256 and 'admitted' or 'conflict'
  end
  local admitted = admits(tenant, bytes, tonumber(ARGV[6]), tonumber(ARGV[7]), tonumber(ARGV[8]))
  if admitted ~= 'admitted' then return admitted end
  local refusal = no_room()
  if refusal then return refusal end
  redis.call('HSET', e.name, 'state', 'running', 'tenant', tenant, 'spec', spec, 'version', 1,
    'bytes', bytes, 'deadline_at', text(deadline), 'draws', 0)
  if redis.call('EXISTS', uploads) == 1 then redis.call('RENAME', uploads, e.images) end
  for i = first_item, #ARGV, 2 do
    local index = (i - first_item) / 2
    redis.call('HSET', e.items, index, ARGV[i])
    if ARGV[i + 1] == '' then
      redis.call('ZADD', e.pending, index, index)
    else
      redis.call('HSET', e.results, index, ARGV[i + 1])
    end
  end
  local seconds = math.ceil(math.max(deadline - now, 0)) + KEPT
  for _, key in ipairs({ e.name, e.items, e.results, e.pending, e.images }) do
    redis.call('EXPIRE', key, seconds)
  end
  redis.call('ZADD', LIVE, text(now), id)
  list_job(evaluations_name(tenant), id, now, deadline + KEPT - DAY)
  return 'admitted'
end

-- Which items are to be submitted now, by one process at a time; false when there is nothing to do.
function answers.take()
  local claimer, window, most = ARGV[4], tonumber(ARGV[5]), tonumber(ARGV[6])
  local e = open(id)
  if not e.state then redis.call('ZREM', LIVE, id) end
  refresh(e)
  if not e.live then return false end
  local by, till = unpack(redis.call('HMGET', e.name, 'claimed_by', 'claimed_till'))
  if by and by ~= claimer and now < tonumber(till) then return false end
  local room = window - redis.call('HLEN', e.own) - redis.call('HLEN', e.joined)
  if room <= 0 then return false end
  local taken = redis.call('ZRANGE', e.pending, 0, math.min(room, most) - 1)
  if #taken == 0 then return false end
  redis.call('HSET', e.name, 'claimed_by', claimer, 'claimed_till', text(now + CLAIM))
  return { redis.call('HGET', e.name, 'spec'), taken }
end

function answers.yield()
  local e = open(id)
  if redis.call('HGET', e.name, 'claimed_by') == ARGV[4] then
    redis.call('HDEL', e.name, 'claimed_by')
  end
end

-- An item has its job; 0 when nobody waits for it any more, and nothing tells of it.
function answers.placed()
  local index, job_id, own = ARGV[4], ARGV[5], ARGV[6] == '1'
  local e = open(id)
  if not e.live then
    local ended = redis.call('HGET', e.results, index)
    return ended and cjson.decode(ended).job == job_id and 1 or 0
  end
  if not drop_pending(e, index) then return 1 end
  local key = own and e.own or e.joined
  redis.call('HSET', key, index, job_id)
  redis.call('HINCRBY', e.name, 'version', 1)
  redis.call('EXPIRE', key, math.ceil(math.max(e.deadline_at - now, 0)) + KEPT)
  return 1
end

function answers.refused()
  local e = open(id)
  if e.live and drop_pending(e, ARGV[4]) then
    conclude(e, ARGV[4], { state = 'error', code = ARGV[5], message = ARGV[6] })
    refresh(e)
  end
end

function answers.read()
  local e, missing = owned(ARGV[4])
  if not e then return missing end
  refresh(e)
  local told = head(e)
  if ARGV[5] == '1' then
    told[8], told[9] = redis.call('HGETALL', e.items), redis.call('HGETALL', e.results)
  end
  return told
end

-- A page, newest first: the id from which to go on or '', and the heads of what is there.
function answers.list()
  local tenant, limit, most_looks = ARGV[4], tonumber(ARGV[5]), tonumber(ARGV[6])
  local list, from = evaluations_name(tenant), 0
  if id ~= '' then
    local rank = redis.call('ZREVRANK', list, id)
    if not rank then return false end
    from = rank + 1
  end
  local told, last = {}, ''
  for _, one in ipairs(redis.call('ZREVRANGE', list, from, from + most_looks - 1)) do
    last = one
    local e = open(one)
    if e.state and e.tenant == tenant then
      refresh(e)
      told[#told + 1] = head(e)
    end
    if #told >= limit then break end
  end
  return { last == redis.call('ZRANGE', list, 0, 0)[1] and '' or last, told }
end

function answers.cancel()
  local e, missing = owned(ARGV[4])
  if not e then return missing end
  refresh(e)
  if e.live then halt(e, 'cancelled') end
  return e.state
end

function answers.delete()
  local e, missing = owned(ARGV[4])
  if not e then return missing end
  if e.live then halt(e, 'cancelled') end
  for _, result in ipairs(redis.call('HVALS', e.results)) do
    local told = cjson.decode(result)
    if told.own and (job_of(e, told.job) or not load_job(told.job)) then erase(told.job, e.tenant, now) end
  end
  redis.call('DEL', e.name, e.items, e.results, deliveries_name(EVALUATION .. id))
  list_gone(evaluations_name(e.tenant), id, now)
  return 'deleted'
end

return answers[ask]()
