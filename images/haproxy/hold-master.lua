-- Holds a new connection until its backend has exactly one server, instead of letting it fail: a failover then costs new clients a
-- pause. Two servers at once are none: for a moment nobody knows which of them is the master. HAProxy takes all of them for alive when
-- it starts, until it has asked each: for that long nobody is let through either.
-- Must never hold longer than LIMIT (below the frontend's inspect-delay), and must never decide who serves: the checks do.
--   tcp-request inspect-delay 11s
--   tcp-request content lua.hold_master BACKEND
local LIMIT, PAUSE, FIRST_CHECKS = 10, 50, 2   -- s, ms, s
local started = os.time()

core.register_action("hold_master", { "tcp-req" }, function(txn, backend)
  local last = os.time() + LIMIT
  while os.time() < last and (txn.f:nbsrv(backend) ~= 1 or os.time() < started + FIRST_CHECKS) do core.msleep(PAUSE) end
end, 1)
