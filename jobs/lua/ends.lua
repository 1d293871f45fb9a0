-- How jobs end.
local OUTBOX, MOST_IN_OUTBOX = 'dmae:outbox', 100000
local UNDRAWN = 600
-- Upper ends of the classes that finished jobs are counted in, by their seconds.
local SECONDS = { 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 120, 300, 600, 1800, 3600, 14400 }

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

-- Leaves word for the job's receivers; who sends it is another's business.
local function tell(job)
  redis.call('XADD', OUTBOX, 'MAXLEN', '~', MOST_IN_OUTBOX, '*', 'job', job.id, 'tenant', job.tenant)
end

-- Seconds for which a job is kept when it has ended. What was cancelled before its first draw is nobody's
-- result: kept for a day, it would let a tenant fill the store without spending a draw.
local function keeping(job, state)
  return state == 'cancelled' and job.draws_done == 0 and UNDRAWN or DAY
end

-- The one way in which a live job ends. What only a live job needs goes at once.
local function settle(job, state, now)
  redis.call('HSET', job.name, 'state', state, 'finished_at', text(now))
  redis.call('HINCRBY', job.name, 'version', 1)
  redis.call('HDEL', job.name, 'interim', 'interim_draws')
  step_out(job)
  write_off(job)
  redis.call('ZREM', running_name(job.model), job.id)
  redis.call('ZREM', live_name(job.model), job.id)
  redis.call('ZREM', busy_name(job.tenant), job.id)
  local inflight = inflight_name(job.document)
  if redis.call('GET', inflight) == job.id then redis.call('DEL', inflight) end
  redis.call('DEL', votes_name(job.id), leases_name(job.id), deaths_name(job.id))
  local seconds = keeping(job, state)
  for _, key in ipairs({ job.name, image_name(job.id) }) do redis.call('EXPIRE', key, seconds) end
  -- A draw that was begun may take longer than that: what it comes to must meet no other job.
  if seconds < DAY then redis.call('SET', gone_name(job.id), 1, 'EX', DAY) end
  if job.webhook then tell(job) end
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

-- Ends all jobs of an index, of a model or of a tenant, whose deadline has come; strikes out those
-- that are no more.
local function sweep(index, now)
  for _, id in ipairs(redis.call('ZRANGEBYSCORE', index, '-inf', text(now))) do
    local job = load_job(id)
    if job and job.live then
      stop(job, 'expired', now)
    else
      redis.call('ZREM', index, id)
    end
  end
end

-- Forgets a job that has ended, all but that there was one.
local function erase(id, tenant, now)
  list_gone(listed_name(tenant), id, now)
  -- Work on it may be under way still: what that comes to must meet no other job, whosesoever.
  redis.call('SET', gone_name(id), 1, 'EX', GONE_DAYS * DAY)
  redis.call('DEL', job_name(id), image_name(id), votes_name(id), leases_name(id), deaths_name(id),
    job_name(id) .. ':webhooks', deliveries_name(id))
end

-- What a reader is told of a job.
local ROW = { 'spec', 'state', 'version', 'phase', 'draws_done', 'draws_planned', 'started_at',
  'finished_at', 'last_commit_at', 'certificate', 'interim', 'error_code', 'error_message',
  'cached' }
local function row(job)
  local values = redis.call('HMGET', job.name, unpack(ROW))
  values[#ROW + 1] = position(job)
  return values
end
