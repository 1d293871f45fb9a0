-- What is in the way of one more job of a tenant, of so many draws.
local model, now, tenant, planned = ARGV[1], tonumber(ARGV[2]), ARGV[3], tonumber(ARGV[4])
sweep(live_name(model), now)
sweep(busy_name(tenant), now)
recount(model, now)
recount_account(tenant, now)
return { ahead(model, tenant, planned, standing(tenant, now)) }
