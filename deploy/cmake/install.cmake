# install.cmake - what `cmake --install` writes besides the programs: units and accounts for systemd, and /etc/berth.
#
# Runs at install time, because only then the prefix is known: `cmake --install FOLDER --prefix PREFIX` may give another one
# than the build. Set before: BERTH_SOURCE, BERTH_SCRATCH (a folder to write in), BERTH_BINDIR, BERTH_DOCDIR.
#
# systemd looks for units and accounts below /usr and /usr/local by itself. DESTDIR goes before every path, as usual.

function(berth_path out folder)
  if(NOT IS_ABSOLUTE "${folder}")
    set(folder "${CMAKE_INSTALL_PREFIX}/${folder}")
  endif()
  cmake_path(NORMAL_PATH folder)
  set(${out} "${folder}" PARENT_SCOPE)
endfunction()

berth_path(bindir "${BERTH_BINDIR}")
berth_path(docdir "${BERTH_DOCDIR}")
foreach(unit berthd.service berthd.socket berth-agent.service)
  configure_file("${BERTH_SOURCE}/deploy/systemd/${unit}" "${BERTH_SCRATCH}/${unit}" @ONLY)
  file(INSTALL "${BERTH_SCRATCH}/${unit}" DESTINATION "${CMAKE_INSTALL_PREFIX}/lib/systemd/system")
endforeach()
file(INSTALL "${BERTH_SOURCE}/deploy/systemd/berth.sysusers" DESTINATION "${CMAKE_INSTALL_PREFIX}/lib/sysusers.d"
     RENAME berth.conf)

# The folder of the configuration files. An installation elsewhere may not write to /etc; --config names the files then.
if(CMAKE_INSTALL_PREFIX MATCHES "^/usr(/local)?/?$")
  file(INSTALL DESTINATION /etc/berth TYPE DIRECTORY FILES "")
else()
  message(STATUS "systemd does not look below ${CMAKE_INSTALL_PREFIX} by itself: "
                 "systemd-sysusers ${CMAKE_INSTALL_PREFIX}/lib/sysusers.d/berth.conf; "
                 "systemctl link ${CMAKE_INSTALL_PREFIX}/lib/systemd/system/berthd.service")
endif()
