-- 0009_delete_for_recompose.sql - whether a desktop is to be deleted for a recompose alone, which may end before.
-- Frozen: a later change is a later file.
--
-- Until now its reason told that.

ALTER TABLE "desktops" ADD COLUMN "delete_for_recompose" INTEGER NOT NULL DEFAULT 0
    CHECK ("delete_for_recompose" IN (0, 1));
UPDATE "desktops" SET "delete_for_recompose" = 1 WHERE "delete_pending" = 1 AND "reason" = 'its pool is recomposed';
