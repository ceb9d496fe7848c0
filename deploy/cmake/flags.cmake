# flags.cmake - how every file of Berth is compiled. Each flag is used only where the compiler accepts it.
include(CheckCCompilerFlag)
include(CheckLinkerFlag)

set(CMAKE_C_STANDARD 17)
set(CMAKE_C_EXTENSIONS ON)
set(CMAKE_C_STANDARD_REQUIRED ON)
set(CMAKE_POSITION_INDEPENDENT_CODE ON)
set(CMAKE_EXPORT_COMPILE_COMMANDS ON)

# Off in what users build, so that no update of a library or compiler breaks it; the developers' presets turn it on.
option(BERTH_WERROR "Warnings are errors" OFF)
set(BERTH_SANITIZE "" CACHE STRING "Sanitizers, such as address,undefined or thread")
option(BERTH_FUZZ "Build the fuzzers (clang)" OFF)
option(BERTH_COVER "Measure coverage" OFF)

add_compile_definitions(_GNU_SOURCE)

function(berth_flag flag)
  string(MAKE_C_IDENTIFIER "HAVE${flag}" id)
  check_c_compiler_flag(${flag} ${id})
  if(${id})
    add_compile_options(${flag})
  endif()
endfunction()

foreach(flag -Wall -Wextra -Wshadow -Wconversion -Wstrict-prototypes -Wmissing-prototypes -Wvla -Wundef -Wformat=2
        -Wswitch-enum -Wcast-qual -Wcast-align=strict -Wwrite-strings -Wimplicit-fallthrough -Wnull-dereference
        -Wpointer-arith -Wduplicated-cond -Wlogical-op)
  berth_flag(${flag})
endforeach()
# Fixed buffers truncate texts on purpose; code that must not truncate checks the length.
berth_flag(-Wno-format-truncation)
if(BERTH_WERROR)
  add_compile_options(-Werror)
endif()

foreach(flag -fstack-protector-strong -fstack-clash-protection -fcf-protection)
  berth_flag(${flag})
endforeach()
# Uninitialised variables are zero in releases; under a sanitizer they have a pattern that breaks tests.
if(BERTH_SANITIZE)
  berth_flag(-ftrivial-auto-var-init=pattern)
else()
  berth_flag(-ftrivial-auto-var-init=zero)
endif()
add_link_options(-pie -Wl,-z,relro,-z,now)
if(CMAKE_BUILD_TYPE STREQUAL "Release")
  add_compile_options(-D_FORTIFY_SOURCE=3)
endif()

if(BERTH_SANITIZE)
  add_compile_options(-fsanitize=${BERTH_SANITIZE} -fno-sanitize-recover=all -fno-omit-frame-pointer)
  add_link_options(-fsanitize=${BERTH_SANITIZE})
endif()
if(BERTH_FUZZ)
  add_compile_options(-fsanitize=fuzzer-no-link)
endif()
if(BERTH_COVER)
  add_compile_options(--coverage)
  add_link_options(--coverage)
endif()

find_program(CCACHE ccache)
if(CCACHE)
  set(CMAKE_C_COMPILER_LAUNCHER ${CCACHE})
endif()
