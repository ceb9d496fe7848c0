-- 0006_previous.sql - an image knows which version was current before the present one: a rollback goes there,
-- whatever its number. Frozen: a later change is a later file.
--
-- Of what happened until now only this is certain: where one version alone is retired, it was current before.

ALTER TABLE "images" ADD COLUMN "previous_id" INTEGER REFERENCES "image_versions" ("id")
    DEFERRABLE INITIALLY DEFERRED;
UPDATE "images" SET "previous_id" = (SELECT "v"."id" FROM "image_versions" AS "v"
    WHERE "v"."image_id" = "images"."id" AND "v"."state" = 'retired' AND "v"."id" IS NOT "images"."current_id")
WHERE "current_id" IS NOT NULL AND 1 = (SELECT count(*) FROM "image_versions" AS "v"
    WHERE "v"."image_id" = "images"."id" AND "v"."state" = 'retired' AND "v"."id" IS NOT "images"."current_id");
