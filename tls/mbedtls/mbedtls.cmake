# mbedTLS 3.6, built privately and statically from a release tarball or a source tree, with our user
# configuration and the fixes that the given version lacks. `./dev` fetches the tarball.
#
# patches/fixed-in-X.Y.Z/ holds what that release brings: applied to anything older.
# patches/ours/           holds what no release brings: applied to everything.
# patches/accel/          holds the ways to tls/accel/ for which mbedTLS has no hooks; without ACCEL
#                         they change nothing.

if(NOT TLSFRONT_MBEDTLS_SOURCE)
    file(GLOB fetched ${PROJECT_SOURCE_DIR}/build/mbedtls/mbedtls_*.orig.tar.bz2)
    list(SORT fetched COMPARE NATURAL ORDER DESCENDING)
    list(POP_FRONT fetched TLSFRONT_MBEDTLS_SOURCE)
endif()
if(NOT EXISTS "${TLSFRONT_MBEDTLS_SOURCE}")
    message(FATAL_ERROR "No mbedTLS source. Run ./dev build, which fetches it from the Debian archive, "
                        "or give -DTLSFRONT_MBEDTLS_SOURCE=<3.6.x tree or tarball>.")
endif()

set(mbedtls_tree ${PROJECT_BINARY_DIR}/mbedtls)
file(GLOB_RECURSE mbedtls_patches CONFIGURE_DEPENDS ${CMAKE_CURRENT_LIST_DIR}/patches/*.patch)
list(SORT mbedtls_patches)
set_property(DIRECTORY APPEND PROPERTY CMAKE_CONFIGURE_DEPENDS ${mbedtls_patches})

# What the unpacked tree was made from; another source or patch means a new tree.
set(mbedtls_made_from "${TLSFRONT_MBEDTLS_SOURCE}")
foreach(patch ${mbedtls_patches})
    file(SHA256 ${patch} hash)
    string(APPEND mbedtls_made_from "\n${hash} ${patch}")
endforeach()

function(mbedtls_unpack)
    file(REMOVE_RECURSE ${mbedtls_tree} ${mbedtls_tree}.unpack)
    if(IS_DIRECTORY ${TLSFRONT_MBEDTLS_SOURCE})
        file(COPY ${TLSFRONT_MBEDTLS_SOURCE}/ DESTINATION ${mbedtls_tree})
        return()
    endif()
    file(ARCHIVE_EXTRACT INPUT ${TLSFRONT_MBEDTLS_SOURCE} DESTINATION ${mbedtls_tree}.unpack)
    file(GLOB top ${mbedtls_tree}.unpack/*)
    file(RENAME ${top} ${mbedtls_tree})
    file(REMOVE_RECURSE ${mbedtls_tree}.unpack)
endfunction()

function(mbedtls_read_version)
    file(STRINGS ${mbedtls_tree}/include/mbedtls/build_info.h line REGEX "define MBEDTLS_VERSION_STRING ")
    string(REGEX MATCH "[0-9]+\\.[0-9]+\\.[0-9]+" version "${line}")
    if(version VERSION_LESS 3.6.7 OR version VERSION_GREATER_EQUAL 3.7)
        message(FATAL_ERROR "${TLSFRONT_MBEDTLS_SOURCE} is mbedTLS ${version}; 3.6.7 or a later 3.6 is needed.")
    endif()
    set(mbedtls_version ${version} PARENT_SCOPE)
endfunction()

# Those that this version lacks.
function(mbedtls_choose_patches)
    set(applied ${mbedtls_patches})
    foreach(patch ${mbedtls_patches})
        if(patch MATCHES "/fixed-in-([0-9.]+)/" AND mbedtls_version VERSION_GREATER_EQUAL CMAKE_MATCH_1)
            list(REMOVE_ITEM applied ${patch})
        endif()
    endforeach()
    set(mbedtls_applied ${applied} PARENT_SCOPE)
endfunction()

function(mbedtls_patch)
    find_program(PATCH_PROGRAM patch REQUIRED)
    mbedtls_choose_patches()
    foreach(patch ${mbedtls_applied})
        execute_process(COMMAND ${PATCH_PROGRAM} -p1 --forward --fuzz=0 --batch --input=${patch}
                        WORKING_DIRECTORY ${mbedtls_tree}
                        RESULT_VARIABLE failed OUTPUT_VARIABLE output ERROR_VARIABLE output)
        if(failed)
            message(FATAL_ERROR "${patch} does not apply to mbedTLS ${mbedtls_version}:\n${output}")
        endif()
    endforeach()
endfunction()

set(mbedtls_stamp "")
if(EXISTS ${mbedtls_tree}/made-from)
    file(READ ${mbedtls_tree}/made-from mbedtls_stamp)
endif()
if(NOT mbedtls_stamp STREQUAL mbedtls_made_from)
    mbedtls_unpack()
    mbedtls_read_version()
    mbedtls_patch()
    file(WRITE ${mbedtls_tree}/made-from "${mbedtls_made_from}")
endif()
mbedtls_read_version()
mbedtls_choose_patches()
message(STATUS "mbedTLS ${mbedtls_version} from ${TLSFRONT_MBEDTLS_SOURCE}")

set(ENABLE_PROGRAMS OFF CACHE INTERNAL "")
set(ENABLE_TESTING OFF CACHE INTERNAL "")
set(USE_STATIC_MBEDTLS_LIBRARY ON CACHE INTERNAL "")
set(USE_SHARED_MBEDTLS_LIBRARY OFF CACHE INTERNAL "")
set(MBEDTLS_FATAL_WARNINGS OFF CACHE INTERNAL "")
set(DISABLE_PACKAGE_CONFIG_AND_INSTALL ON CACHE INTERNAL "")
set(MBEDTLS_USER_CONFIG_FILE ${CMAKE_CURRENT_LIST_DIR}/user_config.h CACHE INTERNAL "")
add_subdirectory(${mbedtls_tree} ${PROJECT_BINARY_DIR}/mbedtls-build EXCLUDE_FROM_ALL SYSTEM)
target_sources(mbedcrypto PRIVATE ${CMAKE_CURRENT_LIST_DIR}/platform.c)
set_source_files_properties(${CMAKE_CURRENT_LIST_DIR}/platform.c TARGET_DIRECTORY mbedcrypto
                            PROPERTIES COMPILE_DEFINITIONS _GNU_SOURCE)
