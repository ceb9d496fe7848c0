-- keys_0001_first.sql - keys.db: what must not be in a backup of berth.db. Frozen: a later change is a later file.

-- The key that seals what the audit trail says about one person. Deleting it is forgetting the person.
CREATE TABLE "person" (
    "user_id" INTEGER PRIMARY KEY,
    "key" BLOB NOT NULL CHECK (length ("key") = 32)
) STRICT;

-- The key that seals the end of the audit trail, and the last record that was noted outside of it.
CREATE TABLE "trail" (
    "one" INTEGER PRIMARY KEY CHECK ("one" = 1),
    "key" BLOB NOT NULL CHECK (length ("key") = 32),
    "sequence" INTEGER NOT NULL,
    "hash" BLOB NOT NULL CHECK (length ("hash") = 32)
) STRICT;
