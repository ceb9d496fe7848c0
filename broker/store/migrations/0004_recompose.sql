-- 0004_recompose.sql - a pool's desktops are moved to another version of its image one after the other, and that goes on
-- after a restart: what is wanted stands in the pool's row.

ALTER TABLE "pools" ADD COLUMN "recompose_version_id" INTEGER REFERENCES "image_versions" ("id")
    DEFERRABLE INITIALLY DEFERRED;
ALTER TABLE "pools" ADD COLUMN "recompose_reason" TEXT NOT NULL DEFAULT '';
