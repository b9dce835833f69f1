# The crypto back end, compiled into mbedcrypto: the library and its hooks need each other. The house
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
foreach(part accel aead check counts curve curve_hooks hmac mlkem rsa sha2)
    target_sources(accel PRIVATE ${CMAKE_CURRENT_LIST_DIR}/${part}.c)
endforeach()
target_include_directories(accel PRIVATE ${CMAKE_CURRENT_LIST_DIR}/alt)
target_include_directories(mbedcrypto PUBLIC ${CMAKE_CURRENT_LIST_DIR}/alt)
target_compile_definitions(accel PRIVATE TLSFRONT_ACCEL)
target_compile_definitions(mbedcrypto PUBLIC TLSFRONT_ACCEL)
target_link_libraries(accel PRIVATE aws-lc)
target_link_libraries(mbedcrypto PRIVATE aws-lc)
