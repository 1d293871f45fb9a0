-- Stores a chunk's votes, once. Returns an outcome, 1 when the request is complete, what to send
-- next, whosesoever turn it is (the id, phase, start and stop of each chunk), and the job's draws that
-- count by now.
local id, phase, start, stop = ARGV[1], ARGV[2], tonumber(ARGV[3]), tonumber(ARGV[4])
local votes, worker, now = ARGV[5], ARGV[6], tonumber(ARGV[7])
local room = room_of(ARGV[8], ARGV[9], ARGV[10])
local field = chunk_field(phase, start)
local job = load_job(id)
release(id, field, worker)
if not job or job.state ~= 'running' then return { 'gone', 0, {}, 0 } end
expire_if_due(job, now)
if not job.live then return { 'gone', 0, {}, 0 } end
if redis.call('HEXISTS', votes_name(id), field) == 1 then
  count('chunks|duplicate')
  return { 'duplicate', complete(job) and 1 or 0, {}, 0 }
end
if chunk_stop(job, phase, start) ~= stop then return { 'refused', 0, {}, 0 } end

local draws = stop - start
redis.call('HSET', votes_name(id), field, text(stop) .. '|' .. votes)
redis.call('EXPIRE', votes_name(id), lifetime(job, now))
job.draws_done = redis.call('HINCRBY', job.name, 'draws_done', draws)
count('draws|' .. job.model, draws)
job.request_done = redis.call('HINCRBY', job.name, 'request_done', draws)
redis.call('HINCRBY', job.name, 'version', 1)
redis.call('HSET', job.name, 'last_commit_at', text(now))
owe(job, -draws)
hand(job, -draws)
redis.call('HDEL', deaths_name(id), field, field .. ':errors')
watch(job, now, FIRST_BACKOFF)
return { 'accepted', complete(job) and 1 or 0, serve(job.model, room, now), job.draws_done }
