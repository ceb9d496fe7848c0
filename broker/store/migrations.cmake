# The frozen migrations are taken into the binary as they stand, by the assembler's .incbin.
file(GLOB MIGRATIONS CONFIGURE_DEPENDS ${CMAKE_SOURCE_DIR}/broker/store/migrations/*.sql)
set_source_files_properties(${CMAKE_SOURCE_DIR}/broker/store/migrations.c PROPERTIES
                            COMPILE_OPTIONS "-Wa,-I${CMAKE_SOURCE_DIR}/broker/store/migrations"
                            OBJECT_DEPENDS "${MIGRATIONS}")
