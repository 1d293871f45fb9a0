-- Takes the lease of a chunk. Returns an outcome, and 1 when the job's request is complete.
local id, phase, start, stop = ARGV[1], ARGV[2], tonumber(ARGV[3]), tonumber(ARGV[4])
local worker, now, alone = ARGV[5], tonumber(ARGV[6]), ARGV[7] == '1'
local lease_seconds, most_deaths = tonumber(ARGV[8]), tonumber(ARGV[9])
local job = load_job(id)
if not job or job.state ~= 'running' then return { 'gone', 0 } end
expire_if_due(job, now)
if not job.live then return { 'gone', 0 } end
local field = chunk_field(phase, start)
if redis.call('HEXISTS', votes_name(id), field) == 1 then
  return { 'committed', complete(job) and 1 or 0 }
end
if chunk_stop(job, phase, start) ~= stop then return { 'refused', 0 } end

local holder, since = lease_of(id, field)
local dead = false
if holder and holder ~= worker then
  dead = not alive(holder)
  if not dead and now - since < lease_seconds then return { 'leased', 0 } end
end
local deaths = tonumber(redis.call('HGET', deaths_name(id), field) or 0)
if (dead or deaths > 0) and not alone then return { 'suspect', 0 } end

-- A worker that died with several chunks in hand proves nothing against any of them.
if dead and redis.call('SCARD', held_name(holder)) == 1
    and redis.call('SISMEMBER', held_name(holder), id .. '|' .. field) == 1 then
  deaths = redis.call('HINCRBY', deaths_name(id), field, 1)
  redis.call('EXPIRE', deaths_name(id), lifetime(job, now))
  if deaths >= most_deaths then
    fail(job, 'chunk_killed_workers', 'draws ' .. text(start) .. ' to ' .. text(stop - 1) .. ' of '
      .. phase .. ' killed the worker that computed them ' .. text(deaths) .. ' times', now)
    return { 'gone', 0 }
  end
end
if holder ~= worker then
  count('chunks|claimed')
  if holder then count('chunks|reclaimed') end
end
redis.call('HSET', leases_name(id), field, text(now) .. '|' .. worker)
redis.call('EXPIRE', leases_name(id), lifetime(job, now))
redis.call('SADD', held_name(worker), id .. '|' .. field)
redis.call('EXPIRE', held_name(worker), DAY)
return { 'granted', 0 }
