/* migrations.c - the SQL files of migrations/, embedded by the assembler. */
#include "migrate.h"

/* A file as a NUL-terminated text; migrations.cmake sets the include path. */
#define EMBED(symbol, path)                       \
    __asm__(".pushsection .rodata\n"              \
            ".hidden " #symbol "\n"               \
            ".global " #symbol "\n" #symbol ":\n" \
            ".incbin \"" path "\"\n"              \
            ".byte 0\n"                           \
            ".popsection\n");                     \
    extern const char symbol[] __attribute__((visibility("hidden")))

EMBED(berth_main_0001, "0001_first.sql");
EMBED(berth_main_0002, "0002_history.sql");
EMBED(berth_main_0003, "0003_references.sql");
EMBED(berth_main_0004, "0004_recompose.sql");
EMBED(berth_main_0005, "0005_requests.sql");
EMBED(berth_main_0006, "0006_previous.sql");
EMBED(berth_main_0007, "0007_quarantine.sql");
EMBED(berth_main_0008, "0008_refresh_due.sql");
EMBED(berth_main_0009, "0009_delete_for_recompose.sql");
EMBED(berth_keys_0001, "keys_0001_first.sql");
EMBED(berth_presence_0001, "presence_0001_first.sql");

static const struct migration main_steps[] = {
    { "0001_first", berth_main_0001 },
    { "0002_history", berth_main_0002 },
    { "0003_references", berth_main_0003 },
    { "0004_recompose", berth_main_0004 },
    { "0005_requests", berth_main_0005 },
    { "0006_previous", berth_main_0006 },
    { "0007_quarantine", berth_main_0007 },
    { "0008_refresh_due", berth_main_0008 },
    { "0009_delete_for_recompose", berth_main_0009 },
};

static const struct migration keys_steps[] = {
    { "keys_0001_first", berth_keys_0001 },
};

static const struct migration presence_steps[] = {
    { "presence_0001_first", berth_presence_0001 },
};

/* The numbers spell 'Brth', 'Brtk' and 'Brtp' at byte 68 of a file. */
const struct schema schema_main = { .file = "berth.db",
                                    .application_id = 0x42727468,
                                    .steps = main_steps,
                                    .count = BERTH_COUNT(main_steps) };
const struct schema schema_keys = { .file = "keys.db",
                                    .application_id = 0x4272746b,
                                    .steps = keys_steps,
                                    .count = BERTH_COUNT(keys_steps) };
const struct schema schema_presence = { .file = "presence.db",
                                        .application_id = 0x42727470,
                                        .steps = presence_steps,
                                        .count = BERTH_COUNT(presence_steps) };
