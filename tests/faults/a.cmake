# The broker's own misfortunes: killed and failed at every system call, out of memory, of disk, of descriptors: F1 to F3, F6 to F9.
#
# fault-inject       kills or fails the n-th system call of a program

if(NOT BERTH_FUZZ)
  add_executable(fault-inject ${CMAKE_CURRENT_SOURCE_DIR}/inject.c)
endif()

# faults_program(NAME SECONDS): ctest runs tests/faults/NAME as faults-NAME, alone.
function(faults_program name seconds)
  if(NOT BERTH_TEST_WHOLE)
    return()
  endif()
  if(DEFINED ENV{BERTH_LONG})
    set(seconds 86400)
  endif()
  add_test(NAME ${PREFIX}faults-${name} COMMAND ${CMAKE_CURRENT_SOURCE_DIR}/${name} ${CMAKE_BINARY_DIR})
  set_tests_properties(${PREFIX}faults-${name} PROPERTIES LABELS faults TIMEOUT ${seconds} RUN_SERIAL TRUE
    SKIP_RETURN_CODE 77)
endfunction()

faults_program(syscalls 300)
