# install.cmake - what `cmake --install` brings beside the binary and the manual.
#
# Paths below the prefix are GNUInstallDirs'. The daemon looks for its configuration in /etc and keeps its state in /var
# whatever the prefix, so for /usr and /usr/local these are meant; with another prefix, as of a trial, all stays below it.

set(TLSFRONT_UNIT_DIR lib/systemd/system CACHE PATH "Where units go")
set(TLSFRONT_ZSH_DIR ${CMAKE_INSTALL_DATADIR}/zsh/site-functions CACHE PATH "Where zsh looks for completions")

set(packaging ${CMAKE_CURRENT_SOURCE_DIR}/packaging)
install(FILES ${packaging}/tlsfront.sysusers DESTINATION lib/sysusers.d RENAME tlsfront.conf)
install(FILES ${packaging}/tlsfront.tmpfiles DESTINATION lib/tmpfiles.d RENAME tlsfront.conf)
install(FILES ${packaging}/completions/tlsfront.bash DESTINATION ${CMAKE_INSTALL_DATADIR}/bash-completion/completions
        RENAME tlsfront)
install(FILES ${packaging}/completions/_tlsfront DESTINATION ${TLSFRONT_ZSH_DIR})
install(FILES ${packaging}/completions/tlsfront.fish DESTINATION ${CMAKE_INSTALL_DATADIR}/fish/vendor_completions.d)

# In the form of the tree, so that what points from page to page still does.
install(FILES ${PROJECT_SOURCE_DIR}/README.md ${PROJECT_SOURCE_DIR}/CHANGELOG.md ${PROJECT_SOURCE_DIR}/LICENSE
        ${CMAKE_CURRENT_BINARY_DIR}/tlsfront.spdx.json DESTINATION ${CMAKE_INSTALL_DOCDIR})
install(DIRECTORY ${CMAKE_CURRENT_SOURCE_DIR}/ DESTINATION ${CMAKE_INSTALL_DOCDIR}/docs
        FILES_MATCHING PATTERN "*.md" PATTERN "*.svg" PATTERN "*.png" PATTERN "observability/*" PATTERN packaging EXCLUDE)
install(FILES ${mbedtls_tree}/LICENSE DESTINATION ${CMAKE_INSTALL_DOCDIR} RENAME LICENSE.mbedtls)
if(ACCEL)
    if(IS_DIRECTORY ${TLSFRONT_AWSLC_SOURCE})
        set(licence ${TLSFRONT_AWSLC_SOURCE})
    else()
        set(licence ${CMAKE_CURRENT_BINARY_DIR}/aws-lc)
        file(ARCHIVE_EXTRACT INPUT ${TLSFRONT_AWSLC_SOURCE} DESTINATION ${licence} PATTERNS */LICENSE)
    endif()
    file(GLOB licence ${licence}/LICENSE ${licence}/aws-lc/LICENSE ${licence}/*/LICENSE ${licence}/*/aws-lc/LICENSE)
    list(POP_BACK licence licence) # the library's, where the archive's package has one of its own
    install(FILES ${licence} DESTINATION ${CMAKE_INSTALL_DOCDIR} RENAME LICENSE.aws-lc)
endif()
install(FILES ${packaging}/tlsfront.socket ${packaging}/notify-reload.conf DESTINATION ${CMAKE_INSTALL_DOCDIR}/examples)
install(DIRECTORY ${packaging}/fail2ban DESTINATION ${CMAKE_INSTALL_DOCDIR}/examples)

# The rest depends on the prefix, which `cmake --install --prefix` may still change.
configure_file(${packaging}/install_here.cmake.in install_here.cmake @ONLY)
install(SCRIPT ${CMAKE_CURRENT_BINARY_DIR}/install_here.cmake)

add_custom_target(uninstall COMMAND ${CMAKE_COMMAND} -DMANIFEST=${PROJECT_BINARY_DIR}/install_manifest.txt
    -P ${packaging}/uninstall.cmake VERBATIM)
