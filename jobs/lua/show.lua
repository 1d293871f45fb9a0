-- Keeps the certificate that a running job has earned so far, unless a later one is there. Returns
-- 1 if it was kept.
local id, document, draws = ARGV[1], ARGV[2], tonumber(ARGV[3])
local job = load_job(id)
if not job or job.state ~= 'running' then return 0 end
local shown = tonumber(redis.call('HGET', job.name, 'interim_draws') or 0)
if draws <= shown then return 0 end
redis.call('HSET', job.name, 'interim', document, 'interim_draws', text(draws))
redis.call('HINCRBY', job.name, 'version', 1)
return 1
