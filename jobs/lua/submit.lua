local id, document, model, spec, key, tensor = ARGV[1], ARGV[2], ARGV[3], ARGV[4], ARGV[5], ARGV[6]
local phase, start, stop, chunk, planned = ARGV[7], ARGV[8], ARGV[9], ARGV[10], tonumber(ARGV[11])
local now, deadline = tonumber(ARGV[12]), tonumber(ARGV[13])
local max_draws, max_jobs = tonumber(ARGV[14]), tonumber(ARGV[15])
local tenant, webhook, group = ARGV[16], ARGV[17], ARGV[18]
local name = job_name(id)

local function create(state)
  redis.call('HSET', name, 'state', state, 'version', 1, 'model', model, 'document', document,
    'spec', spec, 'key', key, 'phase', phase, 'start', start, 'stop', stop, 'next', start,
    'request_done', 0, 'chunk', chunk, 'step', 0, 'backoff', FIRST_BACKOFF, 'draws_done', 0,
    'draws_planned', planned, 'created_at', text(now), 'deadline_at', text(deadline))
  redis.call('SET', image_name(id), tensor)
  redis.call('HSET', name, 'tenant', tenant)
  if webhook ~= '' then redis.call('HSET', name, 'webhook', webhook) end
  list_job(listed_name(tenant), id, now, deadline)
  if group ~= '' then list_job(group_name(tenant, group), id, now, deadline) end
end

-- The same submission again: its first answer was lost on the way.
local earlier = redis.call('HMGET', name, 'state', 'cached')
if earlier[1] then
  return { earlier[2] and 'cached' or 'created', id, outstanding(model) }
end

local function draws_of(certificate)
  local draws = 0
  for _, votes in pairs(cjson.decode(certificate).counts or {}) do
    for _, count in pairs(votes) do draws = draws + count end
  end
  return text(draws)
end

local certificate = redis.call('GET', certificate_name(document))
if certificate then
  local draws = draws_of(certificate)
  create('succeeded')
  redis.call('HSET', name, 'certificate', certificate, 'cached', 1, 'draws_done', draws,
    'draws_planned', draws, 'started_at', text(now), 'finished_at', text(now))
  redis.call('EXPIRE', name, DAY)
  redis.call('EXPIRE', image_name(id), DAY)
  return { 'cached', id, outstanding(model) }
end

sweep(model, now)
local draws = outstanding(model)
local twin = redis.call('GET', inflight_name(document))
if twin then
  local job = load_job(twin)
  if job and job.live and now < job.deadline_at then return { 'joined', twin, draws } end
end
if draws + planned > max_draws or redis.call('ZCARD', live_name(model)) >= max_jobs then
  return { 'full', '', draws }
end

create('queued')
local seconds = lifetime({ deadline_at = deadline }, now)
redis.call('EXPIRE', name, seconds)
redis.call('EXPIRE', image_name(id), seconds)
redis.call('SET', inflight_name(document), id, 'EX', seconds)
redis.call('RPUSH', queued_name(model), id)
redis.call('ZADD', live_name(model), text(deadline), id)
redis.call('HSET', remaining_name(model), id, planned)
keep(queued_name(model), seconds)
keep(live_name(model), seconds)
keep(remaining_name(model), seconds)
return { 'created', id, draws + planned }
