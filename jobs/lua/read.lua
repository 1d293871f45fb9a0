-- A job of a tenant as it stands; 1 when it is gone, 0 when there never was one.
local id, tenant, now = ARGV[1], ARGV[2], tonumber(ARGV[3])
local job, gone = load_owned(id, tenant)
if not job then return gone and 1 or 0 end
expire_if_due(job, now)
return row(job)
