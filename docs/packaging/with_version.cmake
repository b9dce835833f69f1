# with_version.cmake - copies IN to OUT with the version in the place of @VERSION@ and the time in that of @CREATED@.
#
#   cmake -DVERSION_FILE=FILE -DIN=FILE -DOUT=FILE -P with_version.cmake
file(STRINGS ${VERSION_FILE} version LIMIT_COUNT 1)
file(READ ${IN} text)
string(TIMESTAMP now "%Y-%m-%dT%H:%M:%SZ" UTC) # SOURCE_DATE_EPOCH, where that is set
string(REPLACE "@VERSION@" "${version}" text "${text}")
string(REPLACE "@CREATED@" "${now}" text "${text}")
file(WRITE ${OUT} "${text}")
