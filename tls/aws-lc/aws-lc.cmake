# AWS-LC, built once into TLSFRONT_AWSLC_BUILD for all builds of this machine, by the system's compiler and
# without sanitizers: what it is made for takes its speed from assembler. `./dev` fetches the source.

if(NOT TLSFRONT_AWSLC_SOURCE)
    file(GLOB fetched ${PROJECT_SOURCE_DIR}/build/aws-lc/rust-aws-lc-sys_*.orig.tar.*)
    list(SORT fetched COMPARE NATURAL ORDER DESCENDING)
    list(POP_FRONT fetched TLSFRONT_AWSLC_SOURCE)
endif()
if(NOT EXISTS "${TLSFRONT_AWSLC_SOURCE}")
    message(FATAL_ERROR "No AWS-LC source. Run ./dev build, which fetches it from the Debian archive, "
                        "or give -DTLSFRONT_AWSLC_SOURCE=<tree or tarball of 5.1 or later>, or build on "
                        "mbedTLS alone, several times slower: -DACCEL=OFF")
endif()

set(awslc_how "")
find_program(AWSLC_COMPILER NAMES cc ${CMAKE_C_COMPILER})
if(CMAKE_CROSSCOMPILING)
    set(AWSLC_COMPILER ${CMAKE_C_COMPILER})
    set(awslc_how -DCMAKE_SYSTEM_NAME=${CMAKE_SYSTEM_NAME} -DCMAKE_SYSTEM_PROCESSOR=${CMAKE_SYSTEM_PROCESSOR}
                  -DCMAKE_SYSROOT=${CMAKE_SYSROOT})
endif()
execute_process(COMMAND ${AWSLC_COMPILER} -dumpmachine OUTPUT_VARIABLE awslc_machine
                OUTPUT_STRIP_TRAILING_WHITESPACE COMMAND_ERROR_IS_FATAL ANY)
set(awslc_dir ${TLSFRONT_AWSLC_BUILD}/${awslc_machine})
message(STATUS "AWS-LC from ${TLSFRONT_AWSLC_SOURCE}, made once in ${awslc_dir}")
execute_process(COMMAND ${CMAKE_COMMAND} -E env CC=${AWSLC_COMPILER} CMAKE_C_COMPILER_LAUNCHER=${CMAKE_C_COMPILER_LAUNCHER}
                        ${CMAKE_CURRENT_LIST_DIR}/build ${TLSFRONT_AWSLC_SOURCE} ${awslc_dir} ${awslc_how}
                RESULT_VARIABLE awslc_failed ERROR_VARIABLE awslc_said)
if(awslc_failed)
    message(FATAL_ERROR "${awslc_said}")
endif()
set_property(DIRECTORY APPEND PROPERTY CMAKE_CONFIGURE_DEPENDS
             ${CMAKE_CURRENT_LIST_DIR}/build ${CMAKE_CURRENT_LIST_DIR}/symbols)

add_library(aws-lc STATIC IMPORTED GLOBAL)
set_target_properties(aws-lc PROPERTIES IMPORTED_LOCATION ${awslc_dir}/libaws-lc.a
                                        INTERFACE_INCLUDE_DIRECTORIES ${awslc_dir}/include)
target_link_options(aws-lc INTERFACE -Wl,--exclude-libs,libaws-lc.a)
