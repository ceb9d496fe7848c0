-- 0007_quarantine.sql - who put a desktop into quarantine: an administrator, or the broker because it failed. Frozen: a
-- later change is a later file.
--
-- For desktops that are in quarantine now this is not recorded. They count as an administrator's, so none is deleted.

ALTER TABLE "desktops" ADD COLUMN "quarantined_by_admin" INTEGER NOT NULL DEFAULT 0
    CHECK ("quarantined_by_admin" IN (0, 1));
UPDATE "desktops" SET "quarantined_by_admin" = 1 WHERE "quarantined" = 1;
