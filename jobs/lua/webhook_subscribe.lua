-- Adds a receiver to a job that was there before it was asked for. One that has ended already is
-- put into the outbox again: messages that were made of it before are not made twice.
local id, tenant, webhook, most = ARGV[1], ARGV[2], ARGV[3], tonumber(ARGV[4])
local job = load_job(id)
if not job or job.tenant ~= tenant then return 0 end
local name = job.name .. ':webhooks'
if redis.call('SISMEMBER', name, webhook) == 0 and redis.call('SCARD', name) >= most then return 0 end
redis.call('SADD', name, webhook)
redis.call('HSETNX', job.name, 'webhook', webhook)
local seconds = redis.call('TTL', job.name)
redis.call('EXPIRE', name, seconds > 0 and seconds or DAY)
if not job.live then tell(job) end
return 1
