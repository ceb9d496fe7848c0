# Hostile networks, frozen peers, clocks that jump, a failing libvirtd, floods: F10 to F15.
#
# berth-player    many lean terminals over the real link (also of use to other faults)
# berth-desktops  what answers as RDP on the ports of machines that are not there
# berth-proxy     TCP that is late, thin, cut, torn or half-open
# berth-flood     peers that never become anybody

if(BERTH_TEST_WHOLE)
  add_executable(berth-player ${CMAKE_CURRENT_SOURCE_DIR}/player.c ${CMAKE_CURRENT_SOURCE_DIR}/player_terminal.c)
  target_include_directories(berth-player PRIVATE ${CMAKE_CURRENT_SOURCE_DIR})
  target_link_libraries(berth-player PRIVATE agent_core berth_loop PkgConfig::jansson)
endif()
