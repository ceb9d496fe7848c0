-- 0005_requests.sql - a key stands for one request of one administrator. Frozen: a later change is a later file.
--
-- "request_id" is a hash of whose key it is and of the key; "fingerprint" is a keyed hash of the verb, its object and
-- its body, so that the same key for something else is refused; "added_id" is the first row that the request added (0: none). What
-- was remembered until now tells neither whose it was nor what it was for: it is forgotten.

DROP TABLE "request";
CREATE TABLE "request" (
    "request_id" TEXT PRIMARY KEY,
    "fingerprint" TEXT NOT NULL,
    "added_id" INTEGER NOT NULL,
    "rev" INTEGER NOT NULL,
    "at_ms" INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
CREATE INDEX "request_by_time" ON "request" ("at_ms");
