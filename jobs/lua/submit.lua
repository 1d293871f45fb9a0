-- Queues a job, or finds its answer, or refuses it. Returns an outcome, a job's id or '', the draws
-- that the model's live jobs need; when refused, the limit of the quota or '', the seconds and the draws
-- to wait for, -1 where waiting will not help; and where the tenant stands.
local asked = cjson.decode(ARGV[1])
asked.spec, asked.tensor = ARGV[2], ARGV[3]
local id, tenant, model, document = asked.id, asked.tenant, asked.model, asked.document
local now, deadline = tonumber(asked.now), tonumber(asked.deadline)
local planned, most, payload = tonumber(asked.planned), tonumber(asked.most), asked.payload
local quota = { live_jobs = tonumber(asked.live_jobs), draws_queued = tonumber(asked.draws_queued),
  draws_per_day = tonumber(asked.draws_per_day), per_minute = tonumber(asked.per_minute) }
local name, books = job_name(id), books_name(model)
local joined = 'dmae:joined:' .. tenant .. ':' .. id
local idempotency = asked.idempotency ~= '' and 'dmae:idempotency:' .. tenant .. ':' .. asked.idempotency

local function answer(outcome, job_id, refusal)
  local r = refusal or { '', 0, 0 }
  return { outcome, job_id, number_of(books, 'draws'), r[1], text(r[2]), text(r[3]),
    told(standing(tenant, now)) }
end

-- What is in the way must be gone first: so many seconds, or so many draws of the model.
local function refuse(limit, seconds, draws)
  return answer(limit == '' and 'full' or 'over_quota', '', { limit, seconds, draws })
end

-- Whatever comes of it, it has happened: once, and one request more.
local function accept(outcome, job_id)
  if quota.per_minute then meter(tenant, quota.per_minute, now) end
  if idempotency then
    redis.call('HSET', idempotency, 'payload', payload, 'job', job_id, 'submission', id, 'outcome', outcome)
    redis.call('EXPIRE', idempotency, DAY)
  end
  return answer(outcome, job_id)
end

local function create(state, seconds)
  redis.call('HSET', name, 'state', state, 'version', 1, 'model', model, 'document', document,
    'spec', asked.spec, 'key', asked.key, 'phase', asked.phase, 'start', asked.start, 'stop',
    asked.stop, 'next', asked.start, 'request_done', 0, 'chunk', asked.chunk, 'step', 0, 'backoff',
    FIRST_BACKOFF, 'draws_done', 0, 'draws_planned', planned, 'most', most, 'created_at', text(now),
    'deadline_at', text(deadline), 'tenant', tenant, 'priority', asked.priority, 'weight',
    asked.weight, 'payload', payload, 'asked', asked.subject, 'day', day_of(now))
  redis.call('EXPIRE', name, seconds)
  redis.call('SET', image_name(id), asked.tensor, 'EX', seconds)
  if asked.webhook ~= '' then redis.call('HSET', name, 'webhook', asked.webhook) end
  list_job(listed_name(tenant), id, now, deadline)
  local questions = asked_name(asked.subject)
  if redis.call('SCARD', questions) < MOST_ASKED then redis.call('SADD', questions, asked.question) end
  redis.call('EXPIRE', questions, CERTIFICATE_DAYS * DAY)
end

-- What this submission, or one of the same name, came to before; nil where there was none.
local function earlier()
  local old = redis.call('HMGET', name, 'tenant', 'spec', 'payload', 'cached')
  if old[2] then
    if old[2] == asked.spec then return answer(old[4] and 'cached' or 'created', id) end
    if old[1] == tenant and old[3] == payload then return answer('replayed', id) end
    return answer('conflict', '')
  end
  local other = redis.call('HMGET', joined, 'payload', 'job', 'outcome')
  if other[1] then
    if other[1] ~= payload then return answer('conflict', '') end
    return answer(other[3] or 'joined', other[2])
  end
  old = idempotency and redis.call('HMGET', idempotency, 'payload', 'job', 'submission', 'outcome')
  if old and old[1] then
    if old[1] ~= payload then return answer('conflict', '') end
    -- Had it become this job, that would be here, were it not gone.
    return answer(old[3] == id and old[2] ~= id and old[4] or 'replayed', old[2])
  end
  -- Deliveries, and receivers that were added, may outlive the job of another tenant.
  local left = redis.call('EXISTS', gone_name(id), deliveries_name(id), name .. ':webhooks')
  if left > 0 or redis.call('ZSCORE', listed_name(tenant), id) then return answer('conflict', '') end
end

-- The draws that a certificate took, and the phase that they ended in.
local function made_by(certificate)
  local draws, counts = 0, cjson.decode(certificate).counts or {}
  for _, votes in pairs(counts) do
    for _, count in pairs(votes) do draws = draws + count end
  end
  return text(draws), next(counts.estimation or {}) and 'estimation' or asked.phase
end

-- Another job answers, under its own id.
local function share(found, outcome)
  redis.call('HSET', joined, 'payload', payload, 'job', found, 'outcome', outcome)
  redis.call('EXPIRE', joined, 60)
  return accept(outcome, found)
end

-- The job that shows the known certificate. A new one now and then, not each time: it costs no draws,
-- but its image takes room. It is shown for half of its life, so that whoever finds it has it for hours.
local function show(certificate)
  local shown = redis.call('GET', known_name(document))
  if shown and load_owned(shown, tenant) then return share(shown, 'cached') end
  local refusal = no_room()
  if refusal then return refusal end
  local draws, phase = made_by(certificate)
  create('succeeded', DAY)
  redis.call('HSET', name, 'certificate', certificate, 'cached', 1, 'draws_done', draws,
    'draws_planned', draws, 'phase', phase, 'started_at', text(now), 'finished_at', text(now))
  redis.call('SET', known_name(document), id, 'EX', DAY / 2)
  if asked.webhook ~= '' then tell({ id = id, tenant = tenant }) end
  return accept('cached', id)
end

-- The tenant's live job that answers the same; no less urgent from now on than it is asked for.
local function twin()
  local found = redis.call('GET', inflight_name(document))
  local job = found and load_job(found)
  if not job or not job.live or now >= job.deadline_at then return nil end
  if SHARES[asked.priority] > SHARES[job.priority] then promote(job, asked.priority, now) end
  return found
end

local function over_quota(s)
  if quota.live_jobs and s.jobs >= quota.live_jobs then
    local each = s.draws / math.max(s.jobs, 1)
    return refuse('live_jobs', quota.live_jobs > 0 and 0 or -1, sharers(model, tenant) * each)
  end
  if quota.draws_queued and s.draws + planned > quota.draws_queued then
    local over = s.draws + planned - quota.draws_queued
    return refuse('draws_queued', planned <= quota.draws_queued and 0 or -1, sharers(model, tenant) * over)
  end
  if quota.draws_per_day and s.spent + most > quota.draws_per_day then
    local tomorrow = (math.floor(now / DAY) + 1) * DAY
    return refuse('draws_per_day', most <= quota.draws_per_day and tomorrow - now or -1, 0)
  end
end

-- The service is full for a tenant that has its equal part of what there is room for. What it has is
-- counted job by job, so only where there is no room for everybody.
local function full()
  local max_draws, max_jobs = tonumber(asked.max_draws), tonumber(asked.max_jobs)
  local draws, jobs = number_of(books, 'draws') + planned, redis.call('ZCARD', live_name(model))
  if draws > max_draws or jobs >= max_jobs then draws, jobs = ahead(model, tenant, planned) end
  if draws > max_draws then return refuse('', planned <= max_draws and 0 or -1, draws - max_draws) end
  if jobs >= max_jobs then
    local each = number_of(books, 'draws') / math.max(redis.call('ZCARD', live_name(model)), 1)
    return refuse('', max_jobs > 0 and 0 or -1, each)
  end
end

local function enqueue()
  local seconds = lifetime({ deadline_at = deadline }, now)
  create('queued', seconds)
  redis.call('SET', inflight_name(document), id, 'EX', seconds)
  for _, index in ipairs({ live_name(model), busy_name(tenant) }) do
    redis.call('ZADD', index, text(deadline), id)
    keep(index, seconds)
  end
  local spent = spent_name(tenant, day_of(now))
  redis.call('INCRBY', spent, most)
  redis.call('EXPIRE', spent, 2 * DAY)
  local job = load_job(id)
  owe(job, planned)
  step_in(job, now)
  return accept('created', id)
end

sweep(live_name(model), now)
sweep(busy_name(tenant), now)
recount(model, now)
recount_account(tenant, now)
local before = earlier()
if before then return before end
local wait = quota.per_minute and rate_wait(tenant, quota.per_minute, now) or 0
if wait > 0 then return refuse('requests_per_minute', wait, 0) end
local certificate = redis.call('GET', certificate_name(document))
if certificate then return show(certificate) end
local found = twin()
if found then return share(found, 'joined') end
local stands = standing(tenant, now)
return over_quota(stands) or full() or no_room() or enqueue()
