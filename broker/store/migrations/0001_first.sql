-- 0001_first.sql - the durable record as Berth 0.1 keeps it. Frozen: a later change is a later file.
--
-- The tables of the entities follow broker/core/entities.def: ids that name nothing are NULL, enums stand by name, times
-- are milliseconds since 1970 and 0 is never. Foreign keys are checked at the end of each decision, so the order of its
-- rows does not matter. History (assignments, sessions, connections, commands) survives what it speaks of: the reference
-- becomes NULL, unless the row still lives, which its "..._is_whole" forbids.

CREATE TABLE "sites" (
    "id" INTEGER PRIMARY KEY CHECK ("id" > 0),
    "version" INTEGER NOT NULL CHECK ("version" > 0),
    "name" TEXT NOT NULL,
    "join_policy" TEXT NOT NULL
        CHECK ("join_policy" IN ('accept', 'quarantine', 'approve')),
    "renew_days" INTEGER NOT NULL
) STRICT;

CREATE TABLE "places" (
    "id" INTEGER PRIMARY KEY CHECK ("id" > 0),
    "version" INTEGER NOT NULL CHECK ("version" > 0),
    "name" TEXT NOT NULL,
    "site_id" INTEGER REFERENCES "sites" ("id")
        DEFERRABLE INITIALLY DEFERRED
) STRICT;

CREATE TABLE "hosts" (
    "id" INTEGER PRIMARY KEY CHECK ("id" > 0),
    "version" INTEGER NOT NULL CHECK ("version" > 0),
    "name" TEXT NOT NULL,
    "uri" TEXT NOT NULL,
    "mode" TEXT NOT NULL
        CHECK ("mode" IN ('active', 'drain', 'maintenance')),
    "address" TEXT NOT NULL,
    "port_first" INTEGER NOT NULL,
    "port_last" INTEGER NOT NULL,
    "max_starting" INTEGER NOT NULL,
    "max_desktops" INTEGER NOT NULL,
    "weight" INTEGER NOT NULL,
    "storage" TEXT NOT NULL,
    -- Fencing for the day when several brokers share the work: who owns it, since which claim.
    "owner_broker" TEXT NOT NULL DEFAULT '',
    "owner_epoch" INTEGER NOT NULL DEFAULT 0
) STRICT;

CREATE TABLE "images" (
    "id" INTEGER PRIMARY KEY CHECK ("id" > 0),
    "version" INTEGER NOT NULL CHECK ("version" > 0),
    "name" TEXT NOT NULL,
    "current_id" INTEGER REFERENCES "image_versions" ("id")
        DEFERRABLE INITIALLY DEFERRED
) STRICT;

CREATE TABLE "image_versions" (
    "id" INTEGER PRIMARY KEY CHECK ("id" > 0),
    "version" INTEGER NOT NULL CHECK ("version" > 0),
    "image_id" INTEGER REFERENCES "images" ("id")
        DEFERRABLE INITIALLY DEFERRED,
    "number" INTEGER NOT NULL,
    "path" TEXT NOT NULL,
    "kernel" TEXT NOT NULL,
    "initrd" TEXT NOT NULL,
    "state" TEXT NOT NULL
        CHECK ("state" IN ('draft', 'published', 'retired')),
    "created_ms" INTEGER NOT NULL
) STRICT;

CREATE TABLE "pools" (
    "id" INTEGER PRIMARY KEY CHECK ("id" > 0),
    "version" INTEGER NOT NULL CHECK ("version" > 0),
    "name" TEXT NOT NULL,
    "title" TEXT NOT NULL,
    "kind" TEXT NOT NULL
        CHECK ("kind" IN ('floating', 'dedicated', 'shared', 'manual')),
    "image_id" INTEGER REFERENCES "images" ("id")
        DEFERRABLE INITIALLY DEFERRED,
    "template" TEXT NOT NULL,
    "hosts" TEXT NOT NULL,
    "max" INTEGER NOT NULL,
    "spare" INTEGER NOT NULL,
    "memory_mib" INTEGER NOT NULL,
    "vcpus" INTEGER NOT NULL,
    "release" TEXT NOT NULL
        CHECK ("release" IN ('keep', 'refresh')),
    "credential" TEXT NOT NULL
        CHECK ("credential" IN ('per-session', 'passthrough')),
    "account" TEXT NOT NULL,
    "domain" TEXT NOT NULL,
    "roam" TEXT NOT NULL
        CHECK ("roam" IN ('always', 'disconnected-only', 'same-terminal')),
    "address" TEXT NOT NULL
        CHECK ("address" IN ('agent', 'lease', 'forwarded', 'fixed')),
    "port" INTEGER NOT NULL,
    "disconnected_s" INTEGER NOT NULL,
    "idle_s" INTEGER NOT NULL,
    "absolute_s" INTEGER NOT NULL,
    "start_limit_s" INTEGER NOT NULL,
    -- Fencing for the day when several brokers share the work: who owns it, since which claim.
    "owner_broker" TEXT NOT NULL DEFAULT '',
    "owner_epoch" INTEGER NOT NULL DEFAULT 0
) STRICT;

CREATE TABLE "desktops" (
    "id" INTEGER PRIMARY KEY CHECK ("id" > 0),
    "version" INTEGER NOT NULL CHECK ("version" > 0),
    "name" TEXT NOT NULL,
    "pool_id" INTEGER REFERENCES "pools" ("id")
        DEFERRABLE INITIALLY DEFERRED,
    "host_id" INTEGER REFERENCES "hosts" ("id")
        DEFERRABLE INITIALLY DEFERRED,
    "uuid" TEXT NOT NULL,
    "volume" TEXT NOT NULL,
    "image_version_id" INTEGER REFERENCES "image_versions" ("id")
        DEFERRABLE INITIALLY DEFERRED,
    "address" TEXT NOT NULL,
    "port" INTEGER NOT NULL,
    "fingerprint" TEXT NOT NULL,
    "quarantined" INTEGER NOT NULL CHECK ("quarantined" IN (0, 1)),
    "delete_pending" INTEGER NOT NULL CHECK ("delete_pending" IN (0, 1)),
    "dirty" INTEGER NOT NULL CHECK ("dirty" IN (0, 1)),
    "reason" TEXT NOT NULL
) STRICT;

CREATE TABLE "slots" (
    "id" INTEGER PRIMARY KEY CHECK ("id" > 0),
    "version" INTEGER NOT NULL CHECK ("version" > 0),
    "desktop_id" INTEGER REFERENCES "desktops" ("id")
        DEFERRABLE INITIALLY DEFERRED,
    "number" INTEGER NOT NULL,
    "epoch" INTEGER NOT NULL
) STRICT;

CREATE TABLE "terminals" (
    "id" INTEGER PRIMARY KEY CHECK ("id" > 0),
    "version" INTEGER NOT NULL CHECK ("version" > 0),
    "name" TEXT NOT NULL,
    "state" TEXT NOT NULL
        CHECK ("state" IN ('waiting', 'quarantined', 'accepted', 'revoked')),
    "place_id" INTEGER REFERENCES "places" ("id")
        DEFERRABLE INITIALLY DEFERRED,
    "tags" TEXT NOT NULL,
    "serial" TEXT NOT NULL,
    "mac" TEXT NOT NULL,
    "model" TEXT NOT NULL,
    "code" TEXT NOT NULL,
    "waiting_key" TEXT NOT NULL,
    "kiosk_user_id" INTEGER REFERENCES "users" ("id")
        DEFERRABLE INITIALLY DEFERRED,
    "joined_ms" INTEGER NOT NULL,
    "reason" TEXT NOT NULL,
    -- Fencing for the day when several brokers share the work: who owns it, since which claim.
    "owner_broker" TEXT NOT NULL DEFAULT '',
    "owner_epoch" INTEGER NOT NULL DEFAULT 0
) STRICT;

CREATE TABLE "identities" (
    "id" INTEGER PRIMARY KEY CHECK ("id" > 0),
    "version" INTEGER NOT NULL CHECK ("version" > 0),
    "terminal_id" INTEGER REFERENCES "terminals" ("id")
        DEFERRABLE INITIALLY DEFERRED,
    "key_hash" TEXT NOT NULL,
    "not_after_ms" INTEGER NOT NULL,
    "state" TEXT NOT NULL
        CHECK ("state" IN ('current', 'retired', 'revoked'))
) STRICT;

CREATE TABLE "invitations" (
    "id" INTEGER PRIMARY KEY CHECK ("id" > 0),
    "version" INTEGER NOT NULL CHECK ("version" > 0),
    "token_hash" TEXT NOT NULL,
    "terminal" TEXT NOT NULL,
    "place_id" INTEGER REFERENCES "places" ("id")
        DEFERRABLE INITIALLY DEFERRED,
    "tags" TEXT NOT NULL,
    "uses_left" INTEGER NOT NULL,
    "expires_ms" INTEGER NOT NULL
) STRICT;

CREATE TABLE "profiles" (
    "id" INTEGER PRIMARY KEY CHECK ("id" > 0),
    "version" INTEGER NOT NULL CHECK ("version" > 0),
    "name" TEXT NOT NULL,
    "level" TEXT NOT NULL
        CHECK ("level" IN ('everywhere', 'site', 'place', 'tag', 'terminal')),
    "subject" TEXT NOT NULL,
    "priority" INTEGER NOT NULL,
    "settings" TEXT NOT NULL
) STRICT;

CREATE TABLE "commands" (
    "id" INTEGER PRIMARY KEY CHECK ("id" > 0),
    "version" INTEGER NOT NULL CHECK ("version" > 0),
    "terminal_id" INTEGER REFERENCES "terminals" ("id") ON DELETE SET NULL
        DEFERRABLE INITIALLY DEFERRED,
    "kind" TEXT NOT NULL
        CHECK ("kind" IN ('message', 'lock', 'reboot', 'logs')),
    "text" TEXT NOT NULL,
    "state" TEXT NOT NULL
        CHECK ("state" IN ('queued', 'sent', 'acked', 'done', 'failed', 'expired')),
    "result" TEXT NOT NULL,
    "created_ms" INTEGER NOT NULL,
    "expires_ms" INTEGER NOT NULL,
    "by" TEXT NOT NULL
) STRICT;

CREATE TABLE "users" (
    "id" INTEGER PRIMARY KEY CHECK ("id" > 0),
    "version" INTEGER NOT NULL CHECK ("version" > 0),
    "name" TEXT NOT NULL,
    "title" TEXT NOT NULL,
    "kind" TEXT NOT NULL
        CHECK ("kind" IN ('person', 'kiosk')),
    "disabled" INTEGER NOT NULL CHECK ("disabled" IN (0, 1)),
    "password_hash" TEXT NOT NULL
) STRICT;

CREATE TABLE "badges" (
    "id" INTEGER PRIMARY KEY CHECK ("id" > 0),
    "version" INTEGER NOT NULL CHECK ("version" > 0),
    "user_id" INTEGER REFERENCES "users" ("id")
        DEFERRABLE INITIALLY DEFERRED,
    "uid_hash" TEXT NOT NULL,
    "label" TEXT NOT NULL,
    "disabled" INTEGER NOT NULL CHECK ("disabled" IN (0, 1))
) STRICT;

CREATE TABLE "groups" (
    "id" INTEGER PRIMARY KEY CHECK ("id" > 0),
    "version" INTEGER NOT NULL CHECK ("version" > 0),
    "name" TEXT NOT NULL
) STRICT;

CREATE TABLE "memberships" (
    "id" INTEGER PRIMARY KEY CHECK ("id" > 0),
    "version" INTEGER NOT NULL CHECK ("version" > 0),
    "group_id" INTEGER REFERENCES "groups" ("id")
        DEFERRABLE INITIALLY DEFERRED,
    "user_id" INTEGER REFERENCES "users" ("id")
        DEFERRABLE INITIALLY DEFERRED
) STRICT;

CREATE TABLE "entitlements" (
    "id" INTEGER PRIMARY KEY CHECK ("id" > 0),
    "version" INTEGER NOT NULL CHECK ("version" > 0),
    "subject_kind" TEXT NOT NULL
        CHECK ("subject_kind" IN ('everyone', 'user', 'group', 'terminal', 'tag', 'place', 'network')),
    "subject" TEXT NOT NULL,
    "pool_id" INTEGER REFERENCES "pools" ("id")
        DEFERRABLE INITIALLY DEFERRED,
    "effect" TEXT NOT NULL
        CHECK ("effect" IN ('allow', 'deny')),
    "priority" INTEGER NOT NULL,
    "clipboard" INTEGER NOT NULL CHECK ("clipboard" IN (0, 1)),
    "drives" INTEGER NOT NULL CHECK ("drives" IN (0, 1)),
    "usb" INTEGER NOT NULL CHECK ("usb" IN (0, 1)),
    "sound" INTEGER NOT NULL CHECK ("sound" IN (0, 1)),
    "printers" INTEGER NOT NULL CHECK ("printers" IN (0, 1))
) STRICT;

CREATE TABLE "assignments" (
    "id" INTEGER PRIMARY KEY CHECK ("id" > 0),
    "version" INTEGER NOT NULL CHECK ("version" > 0),
    "user_id" INTEGER REFERENCES "users" ("id") ON DELETE SET NULL
        DEFERRABLE INITIALLY DEFERRED,
    "pool_id" INTEGER REFERENCES "pools" ("id") ON DELETE SET NULL
        DEFERRABLE INITIALLY DEFERRED,
    "desktop_id" INTEGER REFERENCES "desktops" ("id") ON DELETE SET NULL
        DEFERRABLE INITIALLY DEFERRED,
    "slot" INTEGER NOT NULL,
    "state" TEXT NOT NULL
        CHECK ("state" IN ('open', 'closed')),
    "opened_ms" INTEGER NOT NULL,
    "closed_ms" INTEGER NOT NULL,
    "reason" TEXT NOT NULL,
    CONSTRAINT "assignment_is_whole" CHECK ("state" = 'closed'
        OR ("user_id" IS NOT NULL AND "pool_id" IS NOT NULL AND "desktop_id" IS NOT NULL))
) STRICT;

CREATE TABLE "sessions" (
    "id" INTEGER PRIMARY KEY CHECK ("id" > 0),
    "version" INTEGER NOT NULL CHECK ("version" > 0),
    "assignment_id" INTEGER REFERENCES "assignments" ("id") ON DELETE SET NULL
        DEFERRABLE INITIALLY DEFERRED,
    "user_id" INTEGER REFERENCES "users" ("id") ON DELETE SET NULL
        DEFERRABLE INITIALLY DEFERRED,
    "pool_id" INTEGER REFERENCES "pools" ("id") ON DELETE SET NULL
        DEFERRABLE INITIALLY DEFERRED,
    "desktop_id" INTEGER REFERENCES "desktops" ("id") ON DELETE SET NULL
        DEFERRABLE INITIALLY DEFERRED,
    "slot" INTEGER NOT NULL,
    "epoch" INTEGER NOT NULL,
    "terminal_id" INTEGER REFERENCES "terminals" ("id") ON DELETE SET NULL
        DEFERRABLE INITIALLY DEFERRED,
    "state" TEXT NOT NULL
        CHECK ("state" IN ('preparing', 'active', 'disconnected', 'ending', 'ended')),
    "started_ms" INTEGER NOT NULL,
    "changed_ms" INTEGER NOT NULL,
    "ended_ms" INTEGER NOT NULL,
    "reason" TEXT NOT NULL,
    CONSTRAINT "session_is_whole" CHECK ("state" = 'ended'
        OR ("assignment_id" IS NOT NULL AND "user_id" IS NOT NULL AND "pool_id" IS NOT NULL
            AND "desktop_id" IS NOT NULL))
) STRICT;

CREATE TABLE "connections" (
    "id" INTEGER PRIMARY KEY CHECK ("id" > 0),
    "version" INTEGER NOT NULL CHECK ("version" > 0),
    "session_id" INTEGER REFERENCES "sessions" ("id") ON DELETE SET NULL
        DEFERRABLE INITIALLY DEFERRED,
    "terminal_id" INTEGER REFERENCES "terminals" ("id") ON DELETE SET NULL
        DEFERRABLE INITIALLY DEFERRED,
    "epoch" INTEGER NOT NULL,
    "state" TEXT NOT NULL
        CHECK ("state" IN ('connecting', 'active', 'ended')),
    "started_ms" INTEGER NOT NULL,
    "ended_ms" INTEGER NOT NULL,
    "picture_ms" INTEGER NOT NULL,
    "exit_code" INTEGER NOT NULL,
    "reason" TEXT NOT NULL,
    CONSTRAINT "connection_is_whole" CHECK ("state" = 'ended'
        OR ("session_id" IS NOT NULL AND "terminal_id" IS NOT NULL))
) STRICT;

CREATE TABLE "admins" (
    "id" INTEGER PRIMARY KEY CHECK ("id" > 0),
    "version" INTEGER NOT NULL CHECK ("version" > 0),
    "name" TEXT NOT NULL,
    "role" TEXT NOT NULL
        CHECK ("role" IN ('administrator', 'operator', 'helpdesk', 'auditor')),
    "disabled" INTEGER NOT NULL CHECK ("disabled" IN (0, 1)),
    "password_hash" TEXT NOT NULL
) STRICT;

CREATE TABLE "tokens" (
    "id" INTEGER PRIMARY KEY CHECK ("id" > 0),
    "version" INTEGER NOT NULL CHECK ("version" > 0),
    "admin_id" INTEGER REFERENCES "admins" ("id")
        DEFERRABLE INITIALLY DEFERRED,
    "token_hash" TEXT NOT NULL,
    "label" TEXT NOT NULL,
    "expires_ms" INTEGER NOT NULL
) STRICT;


-- Names that people use are unique.
CREATE UNIQUE INDEX "site_name" ON "sites" ("name");
CREATE UNIQUE INDEX "place_name" ON "places" ("name");
CREATE UNIQUE INDEX "host_name" ON "hosts" ("name");
CREATE UNIQUE INDEX "image_name" ON "images" ("name");
CREATE UNIQUE INDEX "pool_name" ON "pools" ("name");
CREATE UNIQUE INDEX "desktop_name" ON "desktops" ("name");
CREATE UNIQUE INDEX "terminal_name" ON "terminals" ("name");
CREATE UNIQUE INDEX "profile_name" ON "profiles" ("name");
CREATE UNIQUE INDEX "user_name" ON "users" ("name");
CREATE UNIQUE INDEX "group_name" ON "groups" ("name");
CREATE UNIQUE INDEX "admin_name" ON "admins" ("name");

-- Things of which there is one.
CREATE UNIQUE INDEX "image_version_number" ON "image_versions" ("image_id", "number");
CREATE UNIQUE INDEX "desktop_uuid" ON "desktops" ("uuid") WHERE "uuid" <> '';
CREATE UNIQUE INDEX "desktop_volume" ON "desktops" ("host_id", "volume") WHERE "volume" <> '';
CREATE UNIQUE INDEX "slot_number" ON "slots" ("desktop_id", "number");
CREATE UNIQUE INDEX "identity_key" ON "identities" ("key_hash");
CREATE UNIQUE INDEX "terminal_waiting_key" ON "terminals" ("waiting_key") WHERE "waiting_key" <> '';
CREATE UNIQUE INDEX "invitation_token" ON "invitations" ("token_hash");
CREATE UNIQUE INDEX "badge_uid" ON "badges" ("uid_hash");
CREATE UNIQUE INDEX "membership_pair" ON "memberships" ("group_id", "user_id");
CREATE UNIQUE INDEX "token_hash" ON "tokens" ("token_hash");

-- One owner per desktop's slot, one desktop per user and pool, one living session per assignment, one screen per session
-- and one session per screen.
CREATE UNIQUE INDEX "assignment_of_slot" ON "assignments" ("desktop_id", "slot") WHERE "state" = 'open';
CREATE UNIQUE INDEX "assignment_of_user" ON "assignments" ("user_id", "pool_id") WHERE "state" = 'open';
CREATE UNIQUE INDEX "session_living" ON "sessions" ("assignment_id") WHERE "state" <> 'ended';
CREATE UNIQUE INDEX "connection_of_session" ON "connections" ("session_id") WHERE "state" <> 'ended';
CREATE UNIQUE INDEX "connection_of_terminal" ON "connections" ("terminal_id") WHERE "state" <> 'ended';

-- What refers to a row is found without reading whole tables when the row is dropped.
CREATE INDEX "desktop_by_pool" ON "desktops" ("pool_id");
CREATE INDEX "desktop_by_host" ON "desktops" ("host_id");
CREATE INDEX "identity_by_terminal" ON "identities" ("terminal_id");
CREATE INDEX "command_by_terminal" ON "commands" ("terminal_id");
CREATE INDEX "badge_by_user" ON "badges" ("user_id");
CREATE INDEX "membership_by_user" ON "memberships" ("user_id");
CREATE INDEX "assignment_by_desktop" ON "assignments" ("desktop_id");
CREATE INDEX "assignment_by_user" ON "assignments" ("user_id");
CREATE INDEX "session_by_assignment" ON "sessions" ("assignment_id");
CREATE INDEX "session_by_slot" ON "sessions" ("desktop_id", "slot");
CREATE INDEX "session_by_user" ON "sessions" ("user_id");
CREATE INDEX "session_by_terminal" ON "sessions" ("terminal_id");
CREATE INDEX "connection_by_session" ON "connections" ("session_id");
CREATE INDEX "connection_by_terminal" ON "connections" ("terminal_id");

-- What is over stays over.
CREATE TRIGGER "assignment_stays_closed" BEFORE UPDATE OF "state" ON "assignments"
WHEN OLD."state" = 'closed' AND NEW."state" <> 'closed'
BEGIN SELECT RAISE (ABORT, 'a closed assignment is never opened again'); END;

CREATE TRIGGER "session_stays_ended" BEFORE UPDATE OF "state" ON "sessions"
WHEN OLD."state" = 'ended' AND NEW."state" <> 'ended'
BEGIN SELECT RAISE (ABORT, 'a session that has ended never lives again'); END;

CREATE TRIGGER "connection_stays_ended" BEFORE UPDATE OF "state" ON "connections"
WHEN OLD."state" = 'ended' AND NEW."state" <> 'ended'
BEGIN SELECT RAISE (ABORT, 'a connection that has ended is never used again'); END;

CREATE TRIGGER "image_version_is_immutable"
BEFORE UPDATE OF "image_id", "number", "path", "kernel", "initrd" ON "image_versions"
WHEN OLD."image_id" IS NOT NEW."image_id" OR OLD."number" <> NEW."number" OR OLD."path" <> NEW."path"
    OR OLD."kernel" <> NEW."kernel" OR OLD."initrd" <> NEW."initrd"
BEGIN SELECT RAISE (ABORT, 'a version of an image never changes; make a new one'); END;

-- The epoch of a slot only rises, whatever becomes of its row; a session is never ahead of its slot.
CREATE TRIGGER "slot_epoch_rises" BEFORE UPDATE OF "epoch" ON "slots"
WHEN NEW."epoch" < OLD."epoch"
BEGIN SELECT RAISE (ABORT, 'the epoch of a slot only rises'); END;

CREATE TRIGGER "slot_stays_itself" BEFORE UPDATE OF "desktop_id", "number" ON "slots"
WHEN OLD."desktop_id" IS NOT NEW."desktop_id" OR OLD."number" <> NEW."number"
BEGIN SELECT RAISE (ABORT, 'a slot never moves: its epoch belongs to its desktop'); END;

CREATE TRIGGER "slot_comes_back" BEFORE INSERT ON "slots"
WHEN NEW."epoch" < (SELECT max ("epoch") FROM "sessions"
                    WHERE "desktop_id" = NEW."desktop_id" AND "slot" = NEW."number")
BEGIN SELECT RAISE (ABORT, 'the epoch of a slot only rises'); END;

CREATE TRIGGER "slot_is_empty" BEFORE DELETE ON "slots"
WHEN EXISTS (SELECT 1 FROM "sessions" WHERE "desktop_id" = OLD."desktop_id" AND "slot" = OLD."number"
             AND "state" <> 'ended')
BEGIN SELECT RAISE (ABORT, 'a session is still on this slot'); END;

CREATE TRIGGER "session_epoch_made" BEFORE INSERT ON "sessions"
WHEN NEW."state" <> 'ended'
    AND NEW."epoch" > coalesce ((SELECT "epoch" FROM "slots" WHERE "desktop_id" = NEW."desktop_id"
                                 AND "number" = NEW."slot"), -1)
BEGIN SELECT RAISE (ABORT, 'the epoch of a session is never above its slot''s'); END;

CREATE TRIGGER "session_epoch_set" BEFORE UPDATE OF "epoch", "desktop_id", "slot" ON "sessions"
WHEN NEW."state" <> 'ended' AND NEW."desktop_id" IS NOT NULL
    AND NEW."epoch" > coalesce ((SELECT "epoch" FROM "slots" WHERE "desktop_id" = NEW."desktop_id"
                                 AND "number" = NEW."slot"), -1)
BEGIN SELECT RAISE (ABORT, 'the epoch of a session is never above its slot''s'); END;

CREATE TRIGGER "session_epoch_rises" BEFORE UPDATE OF "epoch" ON "sessions"
WHEN NEW."epoch" < OLD."epoch"
BEGIN SELECT RAISE (ABORT, 'the epoch of a session only rises'); END;

-- A revoked key is refused for ever, also when its row, or its terminal's, is dropped.
CREATE TABLE "revoked_key" (
    "key_hash" TEXT PRIMARY KEY
) STRICT, WITHOUT ROWID;

CREATE TRIGGER "identity_stays_revoked" BEFORE UPDATE ON "identities"
WHEN OLD."state" = 'revoked' AND (NEW."state" <> 'revoked' OR NEW."key_hash" <> OLD."key_hash")
BEGIN SELECT RAISE (ABORT, 'a revoked identity never becomes current again'); END;

CREATE TRIGGER "identity_revoked_is_kept" AFTER DELETE ON "identities"
WHEN OLD."state" = 'revoked'
BEGIN INSERT OR IGNORE INTO "revoked_key" ("key_hash") VALUES (OLD."key_hash"); END;

CREATE TRIGGER "identity_revoked_is_refused" BEFORE INSERT ON "identities"
WHEN NEW."state" <> 'revoked' AND EXISTS (SELECT 1 FROM "revoked_key" WHERE "key_hash" = NEW."key_hash")
BEGIN SELECT RAISE (ABORT, 'this key was revoked; a terminal needs a new one'); END;

CREATE TRIGGER "host_owner_rises" BEFORE UPDATE OF "owner_epoch" ON "hosts" WHEN NEW."owner_epoch" < OLD."owner_epoch"
BEGIN SELECT RAISE (ABORT, 'a later broker owns this host'); END;
CREATE TRIGGER "pool_owner_rises" BEFORE UPDATE OF "owner_epoch" ON "pools" WHEN NEW."owner_epoch" < OLD."owner_epoch"
BEGIN SELECT RAISE (ABORT, 'a later broker owns this pool'); END;
CREATE TRIGGER "terminal_owner_rises" BEFORE UPDATE OF "owner_epoch" ON "terminals"
WHEN NEW."owner_epoch" < OLD."owner_epoch"
BEGIN SELECT RAISE (ABORT, 'a later broker owns this terminal'); END;

-- Numbers that are never given twice: the highest id of any entity, and the count of starts. `probes` is raised to see
-- whether a full disk takes a commit again.
CREATE TABLE "sequence" (
    "one" INTEGER PRIMARY KEY CHECK ("one" = 1),
    "last_id" INTEGER NOT NULL,
    "incarnation" INTEGER NOT NULL,
    "probes" INTEGER NOT NULL
) STRICT;
INSERT INTO "sequence" VALUES (1, 0, 0, 0);

CREATE TRIGGER "sequence_rises" BEFORE UPDATE ON "sequence"
WHEN NEW."last_id" < OLD."last_id" OR NEW."incarnation" < OLD."incarnation"
BEGIN SELECT RAISE (ABORT, 'ids and incarnations only rise'); END;
CREATE TRIGGER "sequence_stays" BEFORE DELETE ON "sequence"
BEGIN SELECT RAISE (ABORT, 'ids and incarnations only rise'); END;

-- The feed: one row per change, in the order of commits. `body` holds what an operator may see.
CREATE TABLE "change" (
    "rev" INTEGER PRIMARY KEY AUTOINCREMENT,
    "at_ms" INTEGER NOT NULL,
    "entity" TEXT NOT NULL,
    "entity_id" INTEGER NOT NULL,
    "verb" TEXT NOT NULL CHECK ("verb" IN ('add', 'set', 'drop')),
    "version" INTEGER NOT NULL,
    "body" TEXT NOT NULL
) STRICT;
-- Erasing a person takes their rows out of the feed.
CREATE INDEX "change_of_person" ON "change" ("entity_id") WHERE "entity" = 'user';

-- A request that came before: answered as the first time, without a second effect. `scope` tells whose and what it was.
CREATE TABLE "request" (
    "request_id" TEXT PRIMARY KEY,
    "scope" TEXT NOT NULL,
    "rev" INTEGER NOT NULL,
    "at_ms" INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
CREATE INDEX "request_by_time" ON "request" ("at_ms");

-- The audit trail: a chain over the bytes as they stand here, so over the sealed ones (broker/store/audit.h).
CREATE TABLE "audit" (
    "sequence" INTEGER PRIMARY KEY,
    "at_ms" INTEGER NOT NULL,
    "mono_ms" INTEGER NOT NULL,
    "incarnation" INTEGER NOT NULL,
    "subject_id" INTEGER NOT NULL,
    "terminal_id" INTEGER NOT NULL,
    "rev" INTEGER NOT NULL,
    "actor" TEXT NOT NULL,
    "role" TEXT NOT NULL,
    "action" TEXT NOT NULL,
    "object" TEXT NOT NULL,
    "outcome" TEXT NOT NULL,
    "detail" TEXT NOT NULL,
    "sealed" BLOB,
    "previous" BLOB NOT NULL CHECK (length ("previous") = 32),
    "hash" BLOB NOT NULL CHECK (length ("hash") = 32)
) STRICT;
CREATE TRIGGER "audit_is_never_changed" BEFORE UPDATE ON "audit"
BEGIN SELECT RAISE (ABORT, 'the audit trail is never changed'); END;
CREATE TRIGGER "audit_is_never_shortened" BEFORE DELETE ON "audit"
BEGIN SELECT RAISE (ABORT, 'the audit trail is never shortened'); END;

-- Where the trail ends, sealed with a key that is not in this file.
CREATE TABLE "audit_head" (
    "one" INTEGER PRIMARY KEY CHECK ("one" = 1),
    "sequence" INTEGER NOT NULL,
    "hash" BLOB NOT NULL CHECK (length ("hash") = 32),
    "seal" TEXT NOT NULL
) STRICT;
INSERT INTO "audit_head" VALUES (1, 0, zeroblob (32), '');
