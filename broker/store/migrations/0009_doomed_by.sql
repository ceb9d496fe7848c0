-- 0009_doomed_by.sql - whether a desktop is to be deleted for a recompose alone, which may end before. Frozen: a later
-- change is a later file.
--
-- Until now its reason told that.

ALTER TABLE "desktops" ADD COLUMN "doomed_by_recompose" INTEGER NOT NULL DEFAULT 0
    CHECK ("doomed_by_recompose" IN (0, 1));
UPDATE "desktops" SET "doomed_by_recompose" = 1 WHERE "doomed" = 1 AND "reason" = 'its pool is recomposed';
