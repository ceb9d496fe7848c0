# Hostile networks, frozen peers, clocks that jump, a failing libvirtd, floods: F10 to F15.
#
# berth-player    many lean terminals over the real link (also of use to other faults)
# berth-desktops  what answers as RDP on the ports of machines that are not there
# berth-proxy     TCP that is late, thin, cut, torn or half-open
# berth-flood     peers that never become anybody

function(faults_program name)
  list(TRANSFORM ARGN PREPEND ${CMAKE_CURRENT_SOURCE_DIR}/)
  add_executable(berth-${name} ${ARGN})
  target_include_directories(berth-${name} PRIVATE ${CMAKE_CURRENT_SOURCE_DIR})
  target_link_libraries(berth-${name} PRIVATE agent_core berth_loop)
endfunction()

if(BERTH_TEST_WHOLE)
  faults_program(player player.c player_terminal.c)
  faults_program(desktops desktops.c)
  faults_program(proxy proxy.c proxy_pair.c)
  faults_program(flood flood.c)
endif()

faults_script(frozen)
faults_script(clock)
faults_script(flood)
faults_script(libvirtd)
faults_script(network)
faults_script(proxy)
