/* backing_name.c - see backing_name.h. */
#include "backing_name.h"

#include <stdio.h>
#include <string.h>

#include "berth/json.h"

#define JSON "json:"
#define DEPTH 8 /* of the JSON; a name that is taken has three levels */

/* A place in the description: QEMU allows "file": {"driver": ...} and "file.driver": ... . */
struct place {
    json_t *object;
    const char *prefix;
};

static json_t *member(const struct place *place, const char *name)
{
    char key[64];

    (void)snprintf(key, sizeof(key), "%s%s", place->prefix, name);
    return json_object_get(place->object, key);
}

/* What its member "file" describes. */
static struct place below(const struct place *place)
{
    json_t *object = member(place, "file");

    if (json_is_object(object))
        return (struct place){ .object = object, .prefix = "" };
    return (struct place){ .object = place->object,
                           .prefix = place->prefix[0] ? "file.file." : "file." };
}

static int check_path(const struct place *place, struct berth_error *reterr)
{
    const char *path = json_string_value(member(place, "filename"));

    if (!path)
        return berth_fail(reterr, BERTH_E_CONFIG, "without a path ('filename')");
    if (path[0] != '/')
        return berth_fail(reterr, BERTH_E_CONFIG, "with '%.80s', which is not an absolute path",
                          path);
    return 0;
}

/* formats: how many times the driver may be 'raw', which lies on another. */
static int check_place(const struct place *place, int formats, struct berth_error *reterr)
{
    const char *driver = json_string_value(member(place, "driver"));
    struct place inner;

    if (!driver)
        return berth_fail(reterr, BERTH_E_CONFIG, "without a driver");
    if (strcmp(driver, "file") == 0)
        return check_path(place, reterr);
    if (strcmp(driver, "raw") != 0 || formats == 0)
        return berth_fail(reterr, BERTH_E_CONFIG, "with the driver '%.40s', not 'file'", driver);
    if (member(place, "offset") || member(place, "size"))
        return berth_fail(reterr, BERTH_E_CONFIG, "as a part of a file ('offset' or 'size')");
    inner = below(place);
    return check_place(&inner, formats - 1, reterr);
}

bool backing_name_is_json(const char *name, size_t size)
{
    return size >= strlen(JSON) && memcmp(name, JSON, strlen(JSON)) == 0;
}

int backing_name_check(const char *name, size_t size, struct berth_error *reterr)
{
    struct berth_error fault = { 0 };
    berth_cleanup(json_unrefp) json_t *json =
        json_parse(name + strlen(JSON), size - strlen(JSON), DEPTH, &fault);
    struct place place = { .object = json, .prefix = "" };
    const char *driver;

    if (!json)
        return berth_fail(reterr, BERTH_E_CONFIG, "which cannot be read: %s", fault.text);
    driver = json_string_value(member(&place, "driver"));
    if (driver && strcmp(driver, "file") == 0)
        return berth_fail(reterr, BERTH_E_CONFIG, "with the driver 'file' outside of \"file\"");
    if (!member(&place, "driver"))
        place = below(&place);
    return check_place(&place, 1, reterr);
}
