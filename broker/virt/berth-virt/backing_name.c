/* backing_name.c - check the name of a backing file, plain or JSON. */
#include "backing_name.h"

#include <stdio.h>
#include <string.h>

#include "berth/json.h"

#define JSON "json:"
#define DEPTH 8 /* of the JSON; an accepted name has three levels */

/* A position in the JSON: QEMU accepts "file": {"driver": ...} and "file.driver": ... . */
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

/* The position of its member "file". */
static struct place below(const struct place *place)
{
    json_t *object = member(place, "file");

    if (json_is_object(object))
        return (struct place){ .object = object, .prefix = "" };
    return (struct place){ .object = place->object,
                           .prefix = place->prefix[0] ? "file.file." : "file." };
}

static bool is_one_of(const char *word, const char *const *words)
{
    while (*words && strcmp(word, *words) != 0)
        words++;
    return *words != NULL;
}

/* Refuse unknown keys: QEMU acts on every key that it knows, and some open another file or host,
 * while libvirt reads only a few. known: the permitted keys, NULL-terminated. */
static int check_keys(const struct place *place, const char *const *known,
                      struct berth_error *reterr)
{
    size_t length = strlen(place->prefix);
    const char *key;
    json_t *value;

    json_object_foreach(place->object, key, value)
    {
        const char *rest = key + length;

        if (strncmp(key, place->prefix, length) != 0)
            continue; /* of an enclosing position */
        if (strncmp(rest, "file.", strlen("file.")) == 0 && is_one_of("file", known)) {
            if (member(place, "file"))
                return berth_fail(reterr, BERTH_E_CONFIG, "with the key '%.40s' beside '%sfile'",
                                  key, place->prefix);
        } else if (!is_one_of(rest, known)) {
            return berth_fail(reterr, BERTH_E_CONFIG,
                              "with the key '%.40s', which is not permitted there", key);
        }
    }
    return 0;
}

static const char *const file_keys[] = { "driver", "filename", "locking", NULL };
static const char *const raw_keys[] = { "driver", "file", NULL };

static int check_path(const struct place *place, struct berth_error *reterr)
{
    const char *path = json_string_value(member(place, "filename"));
    int r = check_keys(place, file_keys, reterr);

    if (r < 0)
        return r;
    if (!path)
        return berth_fail(reterr, BERTH_E_CONFIG, "without a path ('filename')");
    if (path[0] != '/')
        return berth_fail(reterr, BERTH_E_CONFIG, "with '%.80s', which is not an absolute path",
                          path);
    return 0;
}

/* formats: how many times the driver may be 'raw', which contains another. */
static int check_place(const struct place *place, int formats, struct berth_error *reterr)
{
    const char *driver = json_string_value(member(place, "driver"));
    struct place inner;
    int r;

    if (!driver)
        return berth_fail(reterr, BERTH_E_CONFIG, "without a driver");
    if (strcmp(driver, "file") == 0)
        return check_path(place, reterr);
    if (strcmp(driver, "raw") != 0 || formats == 0)
        return berth_fail(reterr, BERTH_E_CONFIG, "with the driver '%.40s', not 'file'", driver);
    if (member(place, "offset") || member(place, "size"))
        return berth_fail(reterr, BERTH_E_CONFIG, "as a part of a file ('offset' or 'size')");
    r = check_keys(place, raw_keys, reterr);
    if (r < 0)
        return r;
    inner = below(place);
    return check_place(&inner, formats - 1, reterr);
}

bool backing_name_is_json(const char *name, size_t size)
{
    return size >= strlen(JSON) && memcmp(name, JSON, strlen(JSON)) == 0;
}

/* For QEMU and libvirt the text before a colon is a protocol, unless a slash precedes it. Also
 * refuse 'file:', which libvirt does not resolve to a file. */
static int check_plain(const char *name, size_t size, struct berth_error *reterr)
{
    const char *colon = memchr(name, ':', size);

    if (!colon || memchr(name, '/', (size_t)(colon - name)))
        return 0;
    return berth_fail(reterr, BERTH_E_CONFIG, "by the protocol '%.*s'",
                      colon - name < 40 ? (int)(colon - name) : 40, name);
}

static int check_json(const char *name, size_t size, struct berth_error *reterr)
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
    if (!member(&place, "driver")) {
        int r = check_keys(&place, raw_keys, reterr);

        if (r < 0)
            return r;
        place = below(&place);
    }
    return check_place(&place, 1, reterr);
}

int backing_name_check(const char *name, size_t size, struct berth_error *reterr)
{
    if (backing_name_is_json(name, size))
        return check_json(name, size, reterr);
    return check_plain(name, size, reterr);
}
