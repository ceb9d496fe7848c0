/* test_rows.c - the descriptions agree with the structs. */
#include "core/rows.h"

#include "test.h"

TEST(rows, every_entity_begins_with_id_and_version)
{
    for (int kind = ENTITY_NONE + 1; kind < ENTITY_KINDS; kind++) {
        const struct record *record = entity_row((enum entity_kind)kind)->record;

        EXPECT_STR(record->fields[0].name, "id");
        EXPECT_INT(record->fields[0].offset, 0);
        EXPECT_STR(record->fields[1].name, "version");
        EXPECT_INT(record->fields[1].offset, sizeof(uint64_t));
        EXPECT(record->size <= sizeof(union row));
    }
}

TEST(rows, are_found_by_name_and_by_table)
{
    EXPECT_INT(entity_kind_of("image_version"), ENTITY_image_version);
    EXPECT_INT(entity_kind_of("image_versions"), ENTITY_image_version);
    EXPECT_INT(entity_kind_of("nothing"), ENTITY_NONE);
    EXPECT_STR(entity_row(ENTITY_desktop)->table, "desktops");
}

TEST(rows, password_hashes_are_for_nobody)
{
    EXPECT_INT(record_field(entity_row(ENTITY_user)->record, "password_hash")->see, SEE_NOBODY);
    EXPECT_INT(record_field(entity_row(ENTITY_admin)->record, "password_hash")->see, SEE_NOBODY);
    EXPECT_INT(record_field(entity_row(ENTITY_badge)->record, "uid_hash")->see, SEE_NOBODY);
}

TEST_MAIN()
