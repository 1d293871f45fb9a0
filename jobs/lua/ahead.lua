-- What is in the way of one more job of a tenant, of so many draws.
local model, now, tenant, planned = ARGV[1], tonumber(ARGV[2]), ARGV[3], tonumber(ARGV[4])
sweep(live_name(model), now)
recount(model, now)
return { ahead(model, tenant, planned) }
