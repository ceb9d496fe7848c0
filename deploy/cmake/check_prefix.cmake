# check_prefix.cmake - runs first in `cmake --install`: refuses an unusable prefix before a file is copied.

# The units name the programs by their path, and systemd takes absolute ones only.
if(NOT IS_ABSOLUTE "${CMAKE_INSTALL_PREFIX}")
  message(FATAL_ERROR "the prefix '${CMAKE_INSTALL_PREFIX}' is relative: cmake --install FOLDER --prefix needs an absolute "
                      "path, such as $PWD/${CMAKE_INSTALL_PREFIX}")
endif()
