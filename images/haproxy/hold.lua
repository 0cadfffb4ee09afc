-- Holds a new connection while a backend has no live server, instead of refusing it.
-- A failover then looks to a connection pool like a slow log-in: its clients wait, none is told that the database is gone.
-- Must never hold longer than the configuration's inspect-delay, nor once the client has left.
--   tcp-request inspect-delay 30s
--   tcp-request content lua.hold BACKEND if { nbsrv(BACKEND) eq 0 }
core.register_action("hold", { "tcp-req" }, function(txn, backend)
  while txn.f:nbsrv(backend) == 0 and txn.f:fe_conn() ~= nil do
    core.msleep(50)
  end
end, 1)
