-- Stores a chunk's votes, once. Returns an outcome, 1 when the request is complete, and the starts
-- and stops of the chunks to send next, so that as many are under way as the window is wide.
local id, phase, start, stop = ARGV[1], ARGV[2], tonumber(ARGV[3]), tonumber(ARGV[4])
local votes, worker, now, window = ARGV[5], ARGV[6], tonumber(ARGV[7]), tonumber(ARGV[8])
local field = chunk_field(phase, start)
local job = load_job(id)
release(id, field, worker)
if not job or job.state ~= 'running' then return { 'gone', 0, {} } end
expire_if_due(job, now)
if not job.live then return { 'gone', 0, {} } end
if redis.call('HEXISTS', votes_name(id), field) == 1 then
  count('chunks|duplicate')
  return { 'duplicate', complete(job) and 1 or 0, {} }
end
if chunk_stop(job, phase, start) ~= stop then return { 'refused', 0, {} } end

local draws = stop - start
redis.call('HSET', votes_name(id), field, text(stop) .. '|' .. votes)
redis.call('EXPIRE', votes_name(id), lifetime(job, now))
redis.call('HINCRBY', job.name, 'draws_done', draws)
count('draws|' .. job.model, draws)
job.request_done = redis.call('HINCRBY', job.name, 'request_done', draws)
redis.call('HINCRBY', job.name, 'version', 1)
redis.call('HSET', job.name, 'last_commit_at', text(now))
redis.call('HINCRBY', remaining_name(job.model), id, -draws)
redis.call('HDEL', deaths_name(id), field, field .. ':errors')
watch(job, now, FIRST_BACKOFF)
local under_way = math.ceil((job.next - job.start - job.request_done) / job.chunk)
return { 'accepted', complete(job) and 1 or 0, hand_out(job, window - under_way) }
