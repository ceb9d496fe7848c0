-- presence_0001_first.sql - presence.db: when each terminal was last seen. Frozen: a later change is a later file.
--
-- It may lose its last seconds in a power cut; nothing that matters is decided from it.
CREATE TABLE "presence" (
    "terminal_id" INTEGER PRIMARY KEY,
    "presence_hash" TEXT NOT NULL,
    "granted_ms" INTEGER NOT NULL,
    "seen_ms" INTEGER NOT NULL,
    "incarnation" INTEGER NOT NULL
) STRICT;
