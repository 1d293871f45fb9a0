-- Gives the job its next request, if nobody else did. Returns its first chunks, or false.
local id, step, phase = ARGV[1], tonumber(ARGV[2]), ARGV[3]
local start, stop, planned = tonumber(ARGV[4]), tonumber(ARGV[5]), tonumber(ARGV[6])
local window, now = tonumber(ARGV[7]), tonumber(ARGV[8])
local job = load_job(id)
if not job or job.state ~= 'running' then return false end
if job.step ~= step or not complete(job) then return false end
expire_if_due(job, now)
if not job.live then return false end
job.phase, job.start, job.stop, job.next = phase, start, stop, start
redis.call('HSET', job.name, 'phase', phase, 'start', text(start), 'stop', text(stop), 'next',
  text(start), 'request_done', 0, 'draws_planned', planned)
redis.call('HINCRBY', job.name, 'step', 1)
redis.call('HINCRBY', job.name, 'version', 1)
local done = tonumber(redis.call('HGET', job.name, 'draws_done'))
redis.call('HSET', remaining_name(job.model), id, text(planned - done))
watch(job, now, FIRST_BACKOFF)
return hand_out(job, window)
