local id, tenant = ARGV[1], ARGV[2]
if not load_owned(id, tenant) then return false end
return redis.call('GET', image_name(id))
