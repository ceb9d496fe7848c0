-- 0003_references.sql - one row names another by its id only: a rename changes nothing but what is shown, and a name that
-- is given a second time inherits nothing.
--
-- A name that nobody has any more is kept as text in "subject", with no id: policy.c lets such an allowance fit nobody and
-- such a denial fit everybody, until somebody looks at it. A pool whose host is gone keeps the id 0, which no host has.

-- ---- entitlements ----

UPDATE "entitlements" SET "subject" = '' WHERE "subject_kind" = 'everyone';
UPDATE "entitlements" SET "subject" = '?' WHERE "subject_kind" <> 'everyone' AND "subject" = '';

ALTER TABLE "entitlements" ADD COLUMN "user_id" INTEGER REFERENCES "users" ("id")
    DEFERRABLE INITIALLY DEFERRED
    CONSTRAINT "entitlement_user" CHECK ("subject_kind" = 'user' OR "user_id" IS NULL);
ALTER TABLE "entitlements" ADD COLUMN "group_id" INTEGER REFERENCES "groups" ("id")
    DEFERRABLE INITIALLY DEFERRED
    CONSTRAINT "entitlement_group" CHECK ("subject_kind" = 'group' OR "group_id" IS NULL);
ALTER TABLE "entitlements" ADD COLUMN "terminal_id" INTEGER REFERENCES "terminals" ("id")
    DEFERRABLE INITIALLY DEFERRED
    CONSTRAINT "entitlement_terminal" CHECK ("subject_kind" = 'terminal' OR "terminal_id" IS NULL);
ALTER TABLE "entitlements" ADD COLUMN "place_id" INTEGER REFERENCES "places" ("id")
    DEFERRABLE INITIALLY DEFERRED
    CONSTRAINT "entitlement_place" CHECK ("subject_kind" = 'place' OR "place_id" IS NULL)
    CONSTRAINT "entitlement_names_one" CHECK (("subject" = '') = ("subject_kind" = 'everyone'
        OR "user_id" IS NOT NULL OR "group_id" IS NOT NULL OR "terminal_id" IS NOT NULL OR "place_id" IS NOT NULL));

UPDATE "entitlements" SET ("user_id", "subject") = (SELECT "id", '' FROM "users" WHERE "name" = "subject")
WHERE "subject_kind" = 'user' AND "subject" IN (SELECT "name" FROM "users");
UPDATE "entitlements" SET ("group_id", "subject") = (SELECT "id", '' FROM "groups" WHERE "name" = "subject")
WHERE "subject_kind" = 'group' AND "subject" IN (SELECT "name" FROM "groups");
UPDATE "entitlements" SET ("terminal_id", "subject") = (SELECT "id", '' FROM "terminals" WHERE "name" = "subject")
WHERE "subject_kind" = 'terminal' AND "subject" IN (SELECT "name" FROM "terminals");
UPDATE "entitlements" SET ("place_id", "subject") = (SELECT "id", '' FROM "places" WHERE "name" = "subject")
WHERE "subject_kind" = 'place' AND "subject" IN (SELECT "name" FROM "places");

-- ---- profiles ----

UPDATE "profiles" SET "subject" = '' WHERE "level" = 'everywhere';
UPDATE "profiles" SET "subject" = '?' WHERE "level" <> 'everywhere' AND "subject" = '';

ALTER TABLE "profiles" ADD COLUMN "site_id" INTEGER REFERENCES "sites" ("id")
    DEFERRABLE INITIALLY DEFERRED
    CONSTRAINT "profile_site" CHECK ("level" = 'site' OR "site_id" IS NULL);
ALTER TABLE "profiles" ADD COLUMN "place_id" INTEGER REFERENCES "places" ("id")
    DEFERRABLE INITIALLY DEFERRED
    CONSTRAINT "profile_place" CHECK ("level" = 'place' OR "place_id" IS NULL);
ALTER TABLE "profiles" ADD COLUMN "terminal_id" INTEGER REFERENCES "terminals" ("id")
    DEFERRABLE INITIALLY DEFERRED
    CONSTRAINT "profile_terminal" CHECK ("level" = 'terminal' OR "terminal_id" IS NULL)
    CONSTRAINT "profile_names_one" CHECK (("subject" = '') = ("level" = 'everywhere'
        OR "site_id" IS NOT NULL OR "place_id" IS NOT NULL OR "terminal_id" IS NOT NULL));

UPDATE "profiles" SET ("site_id", "subject") = (SELECT "id", '' FROM "sites" WHERE "name" = "subject")
WHERE "level" = 'site' AND "subject" IN (SELECT "name" FROM "sites");
UPDATE "profiles" SET ("place_id", "subject") = (SELECT "id", '' FROM "places" WHERE "name" = "subject")
WHERE "level" = 'place' AND "subject" IN (SELECT "name" FROM "places");
UPDATE "profiles" SET ("terminal_id", "subject") = (SELECT "id", '' FROM "terminals" WHERE "name" = "subject")
WHERE "level" = 'terminal' AND "subject" IN (SELECT "name" FROM "terminals");

-- ---- invitations ----

-- One for the name of a terminal that is there is meant for that terminal, whatever it will be called.
ALTER TABLE "invitations" ADD COLUMN "replaces_id" INTEGER REFERENCES "terminals" ("id")
    DEFERRABLE INITIALLY DEFERRED
    CONSTRAINT "invitation_names_one" CHECK ("replaces_id" IS NULL OR "terminal" = '');
UPDATE "invitations" SET ("replaces_id", "terminal") = (SELECT "id", '' FROM "terminals" WHERE "name" = "terminal")
WHERE "terminal" IN (SELECT "name" FROM "terminals");
UPDATE "invitations" SET "terminal" = 't-' || "terminal" WHERE "terminal" <> '' AND "terminal" NOT GLOB '*[^0-9]*';

-- ---- names that look like ids ----

-- A number is always an id. Only an invitation could bring such a name in; now that everything that meant the terminal has
-- its id, it takes the form that the broker gives to names of its own.
UPDATE "terminals" SET "name" = 't-' || "name" || CASE
    WHEN EXISTS (SELECT 1 FROM "terminals" AS "other" WHERE "other"."name" = 't-' || "terminals"."name")
    THEN '-' || "id" ELSE '' END
WHERE "name" NOT GLOB '*[^0-9]*';

-- ---- hosts of pools ----

UPDATE "pools" SET "hosts" = (SELECT group_concat ("id", ' ') FROM (
    SELECT DISTINCT coalesce ("hosts"."id", 0) AS "id"
    FROM json_each ('["' || replace ("pools"."hosts", ' ', '","') || '"]') AS "word"
    LEFT JOIN "hosts" ON "hosts"."name" = "word"."value"
    WHERE "word"."value" <> '' ORDER BY 1))
WHERE trim ("hosts") <> '';
UPDATE "pools" SET "hosts" = '' WHERE trim ("hosts") = '';

-- Written by the triggers below: the ids in "pools"."hosts" as references that the schema watches.
CREATE TABLE "pool_hosts" (
    "pool_id" INTEGER NOT NULL REFERENCES "pools" ("id") ON DELETE CASCADE
        DEFERRABLE INITIALLY DEFERRED,
    "host_id" INTEGER NOT NULL REFERENCES "hosts" ("id")
        DEFERRABLE INITIALLY DEFERRED,
    PRIMARY KEY ("pool_id", "host_id")
) STRICT, WITHOUT ROWID;
CREATE INDEX "pool_hosts_by_host" ON "pool_hosts" ("host_id");
INSERT INTO "pool_hosts" SELECT "pools"."id", "word"."value"
FROM "pools", json_each ('[' || replace ("pools"."hosts", ' ', ',') || ']') AS "word" WHERE "word"."value" > 0;

CREATE TRIGGER "pool_hosts_made" AFTER INSERT ON "pools"
BEGIN
    INSERT INTO "pool_hosts" SELECT NEW."id", "word"."value"
    FROM json_each ('[' || replace (NEW."hosts", ' ', ',') || ']') AS "word" WHERE "word"."value" > 0;
END;
CREATE TRIGGER "pool_hosts_set" AFTER UPDATE OF "hosts" ON "pools" WHEN NEW."hosts" <> OLD."hosts"
BEGIN
    DELETE FROM "pool_hosts" WHERE "pool_id" = NEW."id";
    INSERT INTO "pool_hosts" SELECT NEW."id", "word"."value"
    FROM json_each ('[' || replace (NEW."hosts", ' ', ',') || ']') AS "word" WHERE "word"."value" > 0;
END;

-- ---- one machine is one desktop ----

-- Of several that people added for one machine only the first stays; the others wait for an address of their own.
UPDATE "desktops" SET "address" = lower ("address") WHERE "host_id" IS NULL;
UPDATE "desktops" SET "address" = substr ("address", 8) WHERE "host_id" IS NULL AND "address" GLOB '::ffff:*.*.*.*';
UPDATE "desktops" SET "quarantined" = 1, "address" = '',
    "reason" = 'another desktop is at ' || "address" || ' port ' || "port" || '; give this one its own address'
WHERE "host_id" IS NULL AND "address" <> '' AND EXISTS (SELECT 1 FROM "desktops" AS "other"
    WHERE "other"."host_id" IS NULL AND "other"."address" = "desktops"."address"
    AND "other"."port" = "desktops"."port" AND "other"."id" < "desktops"."id");
CREATE UNIQUE INDEX "desktop_machine" ON "desktops" ("address", "port") WHERE "host_id" IS NULL AND "address" <> '';

-- ---- no new text where an id belongs, and no name that is a number ----

CREATE TRIGGER "entitlement_by_id" BEFORE INSERT ON "entitlements"
WHEN NEW."subject" <> '' AND NEW."subject_kind" IN ('user', 'group', 'terminal', 'place')
BEGIN SELECT RAISE (ABORT, 'a rule names its user, group, terminal or place by id'); END;
CREATE TRIGGER "entitlement_stays_by_id" BEFORE UPDATE OF "subject", "subject_kind" ON "entitlements"
WHEN NEW."subject" <> '' AND NEW."subject_kind" IN ('user', 'group', 'terminal', 'place')
    AND (NEW."subject" <> OLD."subject" OR NEW."subject_kind" <> OLD."subject_kind")
BEGIN SELECT RAISE (ABORT, 'a rule names its user, group, terminal or place by id'); END;
CREATE TRIGGER "profile_by_id" BEFORE INSERT ON "profiles"
WHEN NEW."subject" <> '' AND NEW."level" IN ('site', 'place', 'terminal')
BEGIN SELECT RAISE (ABORT, 'a profile names its site, place or terminal by id'); END;
CREATE TRIGGER "profile_stays_by_id" BEFORE UPDATE OF "subject", "level" ON "profiles"
WHEN NEW."subject" <> '' AND NEW."level" IN ('site', 'place', 'terminal')
    AND (NEW."subject" <> OLD."subject" OR NEW."level" <> OLD."level")
BEGIN SELECT RAISE (ABORT, 'a profile names its site, place or terminal by id'); END;
CREATE TRIGGER "site_name_is_no_id" BEFORE INSERT ON "sites" WHEN NEW."name" NOT GLOB '*[^0-9]*'
BEGIN SELECT RAISE (ABORT, 'a name is not a number: a number is an id'); END;
CREATE TRIGGER "site_name_stays_no_id" BEFORE UPDATE OF "name" ON "sites"
WHEN NEW."name" NOT GLOB '*[^0-9]*' AND NEW."name" <> OLD."name"
BEGIN SELECT RAISE (ABORT, 'a name is not a number: a number is an id'); END;
CREATE TRIGGER "place_name_is_no_id" BEFORE INSERT ON "places" WHEN NEW."name" NOT GLOB '*[^0-9]*'
BEGIN SELECT RAISE (ABORT, 'a name is not a number: a number is an id'); END;
CREATE TRIGGER "place_name_stays_no_id" BEFORE UPDATE OF "name" ON "places"
WHEN NEW."name" NOT GLOB '*[^0-9]*' AND NEW."name" <> OLD."name"
BEGIN SELECT RAISE (ABORT, 'a name is not a number: a number is an id'); END;
CREATE TRIGGER "host_name_is_no_id" BEFORE INSERT ON "hosts" WHEN NEW."name" NOT GLOB '*[^0-9]*'
BEGIN SELECT RAISE (ABORT, 'a name is not a number: a number is an id'); END;
CREATE TRIGGER "host_name_stays_no_id" BEFORE UPDATE OF "name" ON "hosts"
WHEN NEW."name" NOT GLOB '*[^0-9]*' AND NEW."name" <> OLD."name"
BEGIN SELECT RAISE (ABORT, 'a name is not a number: a number is an id'); END;
CREATE TRIGGER "image_name_is_no_id" BEFORE INSERT ON "images" WHEN NEW."name" NOT GLOB '*[^0-9]*'
BEGIN SELECT RAISE (ABORT, 'a name is not a number: a number is an id'); END;
CREATE TRIGGER "image_name_stays_no_id" BEFORE UPDATE OF "name" ON "images"
WHEN NEW."name" NOT GLOB '*[^0-9]*' AND NEW."name" <> OLD."name"
BEGIN SELECT RAISE (ABORT, 'a name is not a number: a number is an id'); END;
CREATE TRIGGER "pool_name_is_no_id" BEFORE INSERT ON "pools" WHEN NEW."name" NOT GLOB '*[^0-9]*'
BEGIN SELECT RAISE (ABORT, 'a name is not a number: a number is an id'); END;
CREATE TRIGGER "pool_name_stays_no_id" BEFORE UPDATE OF "name" ON "pools"
WHEN NEW."name" NOT GLOB '*[^0-9]*' AND NEW."name" <> OLD."name"
BEGIN SELECT RAISE (ABORT, 'a name is not a number: a number is an id'); END;
CREATE TRIGGER "desktop_name_is_no_id" BEFORE INSERT ON "desktops" WHEN NEW."name" NOT GLOB '*[^0-9]*'
BEGIN SELECT RAISE (ABORT, 'a name is not a number: a number is an id'); END;
CREATE TRIGGER "desktop_name_stays_no_id" BEFORE UPDATE OF "name" ON "desktops"
WHEN NEW."name" NOT GLOB '*[^0-9]*' AND NEW."name" <> OLD."name"
BEGIN SELECT RAISE (ABORT, 'a name is not a number: a number is an id'); END;
CREATE TRIGGER "terminal_name_is_no_id" BEFORE INSERT ON "terminals" WHEN NEW."name" NOT GLOB '*[^0-9]*'
BEGIN SELECT RAISE (ABORT, 'a name is not a number: a number is an id'); END;
CREATE TRIGGER "terminal_name_stays_no_id" BEFORE UPDATE OF "name" ON "terminals"
WHEN NEW."name" NOT GLOB '*[^0-9]*' AND NEW."name" <> OLD."name"
BEGIN SELECT RAISE (ABORT, 'a name is not a number: a number is an id'); END;
CREATE TRIGGER "profile_name_is_no_id" BEFORE INSERT ON "profiles" WHEN NEW."name" NOT GLOB '*[^0-9]*'
BEGIN SELECT RAISE (ABORT, 'a name is not a number: a number is an id'); END;
CREATE TRIGGER "profile_name_stays_no_id" BEFORE UPDATE OF "name" ON "profiles"
WHEN NEW."name" NOT GLOB '*[^0-9]*' AND NEW."name" <> OLD."name"
BEGIN SELECT RAISE (ABORT, 'a name is not a number: a number is an id'); END;
CREATE TRIGGER "user_name_is_no_id" BEFORE INSERT ON "users" WHEN NEW."name" NOT GLOB '*[^0-9]*'
BEGIN SELECT RAISE (ABORT, 'a name is not a number: a number is an id'); END;
CREATE TRIGGER "user_name_stays_no_id" BEFORE UPDATE OF "name" ON "users"
WHEN NEW."name" NOT GLOB '*[^0-9]*' AND NEW."name" <> OLD."name"
BEGIN SELECT RAISE (ABORT, 'a name is not a number: a number is an id'); END;
CREATE TRIGGER "group_name_is_no_id" BEFORE INSERT ON "groups" WHEN NEW."name" NOT GLOB '*[^0-9]*'
BEGIN SELECT RAISE (ABORT, 'a name is not a number: a number is an id'); END;
CREATE TRIGGER "group_name_stays_no_id" BEFORE UPDATE OF "name" ON "groups"
WHEN NEW."name" NOT GLOB '*[^0-9]*' AND NEW."name" <> OLD."name"
BEGIN SELECT RAISE (ABORT, 'a name is not a number: a number is an id'); END;
CREATE TRIGGER "admin_name_is_no_id" BEFORE INSERT ON "admins" WHEN NEW."name" NOT GLOB '*[^0-9]*'
BEGIN SELECT RAISE (ABORT, 'a name is not a number: a number is an id'); END;
CREATE TRIGGER "admin_name_stays_no_id" BEFORE UPDATE OF "name" ON "admins"
WHEN NEW."name" NOT GLOB '*[^0-9]*' AND NEW."name" <> OLD."name"
BEGIN SELECT RAISE (ABORT, 'a name is not a number: a number is an id'); END;

-- What refers to a row is found without reading whole tables when the row is dropped.
CREATE INDEX "entitlement_by_pool" ON "entitlements" ("pool_id");
CREATE INDEX "entitlement_by_user" ON "entitlements" ("user_id") WHERE "user_id" IS NOT NULL;
CREATE INDEX "entitlement_by_group" ON "entitlements" ("group_id") WHERE "group_id" IS NOT NULL;
CREATE INDEX "entitlement_by_terminal" ON "entitlements" ("terminal_id") WHERE "terminal_id" IS NOT NULL;
CREATE INDEX "entitlement_by_place" ON "entitlements" ("place_id") WHERE "place_id" IS NOT NULL;
