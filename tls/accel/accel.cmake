# The crypto back ends, compiled into mbedcrypto: the library and its hooks need each other. The house
# rules hold for them, so they are an object library of their own.

house_objects(tls/accel KNOWS mbedtls cryptography)
house_objects(tls/accel/alt KNOWS mbedtls)
add_library(accel OBJECT)
target_link_libraries(accel PRIVATE house)
target_include_directories(accel SYSTEM PRIVATE ${mbedtls_tree}/include)
target_compile_definitions(accel PRIVATE MBEDTLS_USER_CONFIG_FILE="${MBEDTLS_USER_CONFIG_FILE}")
target_sources(mbedcrypto PRIVATE $<TARGET_OBJECTS:accel>)

if(NOT ACCEL)
    target_sources(accel PRIVATE ${CMAKE_CURRENT_LIST_DIR}/off.c)
    return()
endif()

include(${CMAKE_CURRENT_LIST_DIR}/../aws-lc/aws-lc.cmake)

# accel_library(NAME MODULE PACKAGE): found, or an error that says what to do.
function(accel_library name module package)
    pkg_check_modules(${name} QUIET IMPORTED_TARGET ${module})
    if(NOT ${name}_FOUND)
        message(FATAL_ERROR "${module} was not found, which the crypto back ends need. Install ${package}, "
                            "or build on mbedTLS alone, several times slower: -DACCEL=OFF")
    endif()
    target_link_libraries(accel PRIVATE PkgConfig::${name})
    target_link_libraries(mbedcrypto PRIVATE PkgConfig::${name})
endfunction()

accel_library(LIBCRYPTO libcrypto>=3.0 libssl-dev)
accel_library(SODIUM libsodium>=1.0.16 libsodium-dev)
foreach(part accel aead aead_evp check counts curve curve_hooks hmac rsa sha2 x25519)
    target_sources(accel PRIVATE ${CMAKE_CURRENT_LIST_DIR}/${part}.c)
endforeach()
target_include_directories(accel PRIVATE ${CMAKE_CURRENT_LIST_DIR}/alt)
target_include_directories(mbedcrypto PUBLIC ${CMAKE_CURRENT_LIST_DIR}/alt)
target_compile_definitions(accel PRIVATE TLSFRONT_ACCEL)
target_compile_definitions(mbedcrypto PUBLIC TLSFRONT_ACCEL)

if(CMAKE_SYSTEM_PROCESSOR MATCHES "^(x86_64|AMD64)$")
    # It has no pkg-config file.
    find_library(IPSEC_MB_LIBRARY IPSec_MB)
    find_path(IPSEC_MB_INCLUDE intel-ipsec-mb.h)
    if(NOT IPSEC_MB_LIBRARY OR NOT IPSEC_MB_INCLUDE)
        message(FATAL_ERROR "ipsec-mb was not found, which the crypto back ends need. Install libipsec-mb-dev, "
                            "or build on mbedTLS alone, several times slower: -DACCEL=OFF")
    endif()
    foreach(part aead_ipsec cpu x25519_ifma)
        target_sources(accel PRIVATE ${CMAKE_CURRENT_LIST_DIR}/${part}.c)
    endforeach()
    # Its functions are called where the CPU has all that; loops must be unrolled into registers.
    set_source_files_properties(${CMAKE_CURRENT_LIST_DIR}/x25519_ifma.c PROPERTIES
        COMPILE_OPTIONS "-O3;-mavx512f;-mavx512dq;-mavx512vl;-mavx512ifma")
    target_compile_definitions(accel PRIVATE ACCEL_X86_64)
    target_include_directories(accel SYSTEM PRIVATE ${IPSEC_MB_INCLUDE})
    target_link_libraries(mbedcrypto PRIVATE ${IPSEC_MB_LIBRARY})
endif()
