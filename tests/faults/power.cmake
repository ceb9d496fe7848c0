# Power cuts: F5 in the process (a disk in memory below the store's own object code), F4 at block level.
#
# berth-power-vfs     the power goes at any operation of the store's files; opens what is left and compares
# berth-power-blocks  the same below a real file system, from the log of a block device (power_block.sh)

if(TARGET broker_store AND NOT BERTH_SANITIZE)
  set(power_rooms power_check.c power_disk.c power_house.c)
  add_executable(berth-power-vfs EXCLUDE_FROM_ALL power_cut.c power_vfs.c ${power_rooms})
  add_executable(berth-power-blocks EXCLUDE_FROM_ALL power_blocks.c ${power_rooms})
  target_link_libraries(berth-power-vfs PRIVATE broker_store)
  target_link_libraries(berth-power-blocks PRIVATE broker_store)
  if(BERTH_TEST_WHOLE)
    set_target_properties(berth-power-vfs berth-power-blocks PROPERTIES EXCLUDE_FROM_ALL FALSE)
    add_test(NAME ${PREFIX}faults-power-vfs COMMAND ${CMAKE_CURRENT_SOURCE_DIR}/power_vfs.sh ${CMAKE_BINARY_DIR})
    set_tests_properties(${PREFIX}faults-power-vfs PROPERTIES LABELS faults TIMEOUT ${BERTH_TEST_LIMIT_S} COST 500)
    faults_script(power_block)
  endif()
endif()
