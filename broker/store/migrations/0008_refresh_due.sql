-- 0008_refresh_due.sql - a desktop knows that it must be refreshed before another person gets it, also when its pool's
-- release becomes keep. Frozen: a later change is a later file.
--
-- What was used in a pool that refreshes is due. What was used before in a pool that keeps by now is not recorded.

ALTER TABLE "desktops" ADD COLUMN "refresh_due" INTEGER NOT NULL DEFAULT 0
    CHECK ("refresh_due" IN (0, 1));
UPDATE "desktops" SET "refresh_due" = 1 WHERE "dirty" = 1 AND "pool_id" IN
    (SELECT "id" FROM "pools" WHERE "release" = 'refresh');
