# The broker's own misfortunes: killed and failed at every system call, out of memory, of disk, of descriptors: F1 to F3, F6 to F9.
#
# fault-inject       kills or fails the n-th system call of a program
# libfault-alloc.so  preloaded: fails the n-th allocation of berthd

if(NOT BERTH_SANITIZE)
  add_executable(fault-inject ${CMAKE_CURRENT_SOURCE_DIR}/inject.c)
  add_library(fault-alloc MODULE ${CMAKE_CURRENT_SOURCE_DIR}/alloc_shim.c)
endif()

# faults_program(NAME): ctest runs tests/faults/NAME as faults-NAME.
function(faults_program name)
  if(NOT BERTH_TEST_WHOLE)
    return()
  endif()
  add_test(NAME ${PREFIX}faults-${name} COMMAND ${CMAKE_CURRENT_SOURCE_DIR}/${name} ${CMAKE_BINARY_DIR})
  set_tests_properties(${PREFIX}faults-${name} PROPERTIES LABELS faults TIMEOUT ${BERTH_TEST_LIMIT_S} COST 500
    SKIP_RETURN_CODE 77
    # Always the short form: deploy/test --long has tests/faults/run take the long ones afterwards, and keeps the figures.
    ENVIRONMENT "BERTH_LONG=0")
endfunction()

# Each takes a minute or less on a quiet machine, and as long as it takes beside others.
faults_program(syscalls)
faults_program(errors)
faults_program(allocations)
faults_program(disk_full)
faults_program(descriptors)
faults_program(memory)
