# bom.cmake - what is in the binary, as SPDX 2.3: tlsfront.spdx.json, made by the build.
#
# A library that the binary gets or loses is a bom_part() at the end; tests/install/bom compares them with what the
# linker has linked.

# These are for the build to fill in: with_version.cmake.
set(VERSION "@VERSION@")
set(CREATED "@CREATED@")

set(bom_packages "")
set(bom_relations "")
set(bom_files "")

macro(bom_add list text)
    if(NOT ${list} STREQUAL "")
        string(APPEND ${list} ",\n")
    endif()
    string(APPEND ${list} "${text}")
endmacro()

macro(bom_relation from type to)
    bom_add(bom_relations "    {\"spdxElementId\": \"SPDXRef-${from}\", \"relationshipType\": \"${type}\", \
\"relatedSpdxElement\": \"SPDXRef-${to}\"}")
endmacro()

# bom_part(NAME VERSION LICENCE PURL LIBRARY HOW [SHA256]): LIBRARY is its name to the linker, without "lib";
# HOW it is linked is STATIC_LINK or DYNAMIC_LINK, or DEPENDS_ON where it is loaded; SHA256 is that of the archive that it was built from.
macro(bom_part name version licence purl library how)
    set(checksum "")
    if(NOT "${ARGN}" STREQUAL "")
        set(checksum "\"checksums\": [{\"algorithm\": \"SHA256\", \"checksumValue\": \"${ARGN}\"}],\n     ")
    endif()
    bom_add(bom_packages "    {\"name\": \"${name}\", \"SPDXID\": \"SPDXRef-${name}\", \"versionInfo\": \"${version}\",
     \"downloadLocation\": \"NOASSERTION\", \"filesAnalyzed\": false, \"supplier\": \"NOASSERTION\",
     ${checksum}\"licenseConcluded\": \"${licence}\", \"licenseDeclared\": \"${licence}\", \"copyrightText\": \"NOASSERTION\",
     \"comment\": \"linked as lib${library}\",
     \"externalRefs\": [{\"referenceCategory\": \"PACKAGE-MANAGER\", \"referenceType\": \"purl\", \
\"referenceLocator\": \"${purl}\"}]}")
    bom_relation(tlsfront ${how} ${name})
endmacro()

# A patch of PART's, applied before it was built.
macro(bom_patch part patch)
    cmake_path(GET patch STEM bom_stem)
    file(SHA1 ${patch} bom_sha1)
    file(SHA256 ${patch} bom_sha256)
    file(RELATIVE_PATH bom_path ${PROJECT_SOURCE_DIR} ${patch})
    bom_add(bom_files "    {\"fileName\": \"./${bom_path}\", \"SPDXID\": \"SPDXRef-patch-${bom_stem}\", \"fileTypes\": [\"TEXT\"],
     \"checksums\": [{\"algorithm\": \"SHA1\", \"checksumValue\": \"${bom_sha1}\"},
                   {\"algorithm\": \"SHA256\", \"checksumValue\": \"${bom_sha256}\"}],
     \"licenseConcluded\": \"Apache-2.0\", \"copyrightText\": \"NOASSERTION\"}")
    bom_relation(patch-${bom_stem} PATCH_FOR ${part})
endmacro()

# Of an archive; a tree has none.
macro(bom_sha256 out source)
    set(${out} "")
    if(NOT IS_DIRECTORY ${source})
        file(SHA256 ${source} ${out})
    endif()
endmacro()

# What it is made of.
bom_relation(DOCUMENT DESCRIBES tlsfront)
bom_sha256(mbedtls_sha256 ${TLSFRONT_MBEDTLS_SOURCE})
bom_part(mbedtls ${mbedtls_version} "Apache-2.0 OR GPL-2.0-or-later" "pkg:github/Mbed-TLS/mbedtls@mbedtls-${mbedtls_version}"
    mbedcrypto STATIC_LINK ${mbedtls_sha256})
foreach(patch ${mbedtls_applied})
    bom_patch(mbedtls ${patch})
endforeach()
bom_part(libuv ${UV_VERSION} MIT "pkg:github/libuv/libuv@v${UV_VERSION}" uv DYNAMIC_LINK)
bom_part(libconfuse ${CONFUSE_VERSION} ISC "pkg:github/libconfuse/libconfuse@v${CONFUSE_VERSION}" confuse DYNAMIC_LINK)
bom_part(libseccomp ${SECCOMP_VERSION} LGPL-2.1-only "pkg:github/seccomp/libseccomp@v${SECCOMP_VERSION}" seccomp DYNAMIC_LINK)
bom_part(libmicrohttpd ${MICROHTTPD_VERSION} LGPL-2.1-or-later "pkg:generic/libmicrohttpd@${MICROHTTPD_VERSION}" microhttpd
    DEPENDS_ON) # the observer loads it
if(ACCEL)
    file(STRINGS ${awslc_dir}/include/openssl/base.h awslc_version REGEX "define AWSLC_VERSION_NUMBER_STRING ")
    string(REGEX MATCH "[0-9]+\\.[0-9.]+" awslc_version "${awslc_version}")
    bom_sha256(awslc_sha256 ${TLSFRONT_AWSLC_SOURCE})
    # docs/licences.md says of what.
    bom_part(aws-lc ${awslc_version}
        "(Apache-2.0 OR ISC) AND ISC AND Apache-2.0 AND MIT AND (Apache-2.0 OR ISC OR MIT) AND (Apache-2.0 OR ISC OR MIT-0)"
        "pkg:github/aws/aws-lc@v${awslc_version}" aws-lc STATIC_LINK ${awslc_sha256})
endif()

string(UUID bom_uuid NAMESPACE 6ba7b811-9dad-11d1-80b4-00c04fd430c8 NAME "tlsfront ${bom_packages} ${bom_files}" TYPE SHA1)
file(CONFIGURE OUTPUT ${CMAKE_CURRENT_BINARY_DIR}/tlsfront.spdx.json.in @ONLY CONTENT [[{
  "spdxVersion": "SPDX-2.3",
  "dataLicense": "CC0-1.0",
  "SPDXID": "SPDXRef-DOCUMENT",
  "name": "tlsfront-@VERSION@",
  "documentNamespace": "https://spdx.org/spdxdocs/tlsfront-@VERSION@-@bom_uuid@",
  "creationInfo": {"created": "@CREATED@", "creators": ["Tool: tlsfront-build"]},
  "packages": [
    {"name": "tlsfront", "SPDXID": "SPDXRef-tlsfront", "versionInfo": "@VERSION@", "primaryPackagePurpose": "APPLICATION",
     "downloadLocation": "NOASSERTION", "filesAnalyzed": false, "supplier": "NOASSERTION",
     "licenseConcluded": "Apache-2.0", "licenseDeclared": "Apache-2.0", "copyrightText": "NOASSERTION"},
@bom_packages@
  ],
  "files": [
@bom_files@
  ],
  "relationships": [
@bom_relations@
  ]
}
]])
