-- 0002_history.sql - a start and a deletion that do not read what is over. Frozen: a later change is a later file.
--
-- Sessions, connections, assignments and commands stay when they have ended, so after some years nearly every row of
-- these tables is over. What is open is loaded at each start (broker/store/row_sql.c names these indexes), and a pool
-- that is deleted clears the references to it.

CREATE INDEX "assignment_open" ON "assignments" ("id") WHERE "state" = 'open';
CREATE INDEX "session_open" ON "sessions" ("id") WHERE "state" <> 'ended';
CREATE INDEX "connection_open" ON "connections" ("id") WHERE "state" <> 'ended';
CREATE INDEX "command_open" ON "commands" ("id") WHERE "state" IN ('queued', 'sent', 'acked');

CREATE INDEX "assignment_by_pool" ON "assignments" ("pool_id");
CREATE INDEX "session_by_pool" ON "sessions" ("pool_id");

-- Pages of what is over are read along these, newest first; "session_by_slot" would have to be sorted for that.
CREATE INDEX "session_by_desktop" ON "sessions" ("desktop_id");
