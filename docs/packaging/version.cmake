# version.cmake - which version this is: writes VERSION_FILE (one line) and VERSION_SOURCE (proxy/base/version.h's
# text), each only when it changes. Run by every build, so that a commit is never called by its predecessor's name.
#
#   cmake -DSOURCE=TREE -DVERSION_FILE=FILE -DVERSION_SOURCE=FILE [-DGIVEN=VERSION] -P version.cmake
#
# It is the newest version that CHANGELOG.md has; in a clone, with what came since: 0.1.0+12.g1234567 is the twelfth
# commit after the tag v0.1.0 (where that tag is missing, of all), and .dirty says that the tree was edited. Debian sorts
# these as they came. GIVEN, where not empty, is taken as it is.
cmake_minimum_required(VERSION 3.25)

# git(OUT ARGUMENT...): "" where there is no clone, or git may not look at it.
function(git out)
    execute_process(COMMAND git -C ${SOURCE} ${ARGN} OUTPUT_VARIABLE said ERROR_QUIET RESULT_VARIABLE failed
                    OUTPUT_STRIP_TRAILING_WHITESPACE)
    if(failed)
        set(said "")
    endif()
    set(${out} "${said}" PARENT_SCOPE)
endfunction()

function(since out released)
    git(top rev-parse --show-toplevel)
    file(REAL_PATH ${SOURCE} here)
    if(NOT top STREQUAL here) # a tarball that was unpacked in somebody's clone
        return()
    endif()
    git(tagged rev-parse --verify --quiet v${released}^{commit})
    if(tagged)
        git(count rev-list --count v${released}..HEAD)
    else()
        git(count rev-list --count HEAD)
    endif()
    git(hash rev-parse --short=7 HEAD)
    git(edited status --porcelain --untracked-files=no)
    set(parts)
    if(NOT count EQUAL 0)
        list(APPEND parts ${count} g${hash})
    endif()
    if(edited)
        list(APPEND parts dirty)
    endif()
    if(parts)
        list(JOIN parts . parts)
        set(${out} "+${parts}" PARENT_SCOPE)
    endif()
endfunction()

function(write_changed file text)
    set(old "")
    if(EXISTS ${file})
        file(READ ${file} old)
    endif()
    if(NOT old STREQUAL text)
        file(WRITE ${file} "${text}")
    endif()
endfunction()

set(version "${GIVEN}")
if(version STREQUAL "")
    file(STRINGS ${SOURCE}/CHANGELOG.md versions REGEX "^## [0-9]")
    list(GET versions 0 newest)
    string(REGEX MATCH "[0-9]+\\.[0-9]+\\.[0-9]+" released "${newest}")
    set(after "")
    since(after ${released})
    set(version "${released}${after}")
endif()
write_changed(${VERSION_FILE} "${version}\n")
if(VERSION_SOURCE)
    write_changed(${VERSION_SOURCE} "#include \"proxy/base/version.h\"\n\nconst char version_text[] = \"${version}\";\n")
endif()
