-- Gives the job its next request, if nobody else did. Returns what to send next, whosesoever turn it
-- is: the id, phase, start and stop of each chunk; or false.
local id, step, phase = ARGV[1], tonumber(ARGV[2]), ARGV[3]
local start, stop, planned = tonumber(ARGV[4]), tonumber(ARGV[5]), tonumber(ARGV[6])
local now, room = tonumber(ARGV[7]), room_of(ARGV[8], ARGV[9], ARGV[10])
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
job.request_done = 0
owe(job, planned - job.draws_planned)
spend(job, charged(planned, job.most) - charged(job.draws_planned, job.most))
step_in(job, now)
watch(job, now, FIRST_BACKOFF)
return serve(job.model, room, now)
