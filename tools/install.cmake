# What `cmake --install` puts where, and the Debian package (`cpack -G DEB` in the build folder):
#
#   bin/parquedb                                lib/libparquedb.a
#   include/parquedb/*.h                        lib/libparquedb.so -> .so.ABI -> .so.ABI.VERSION
#   lib/pkgconfig/parquedb.pc                   lib/cmake/parquedb/parquedb-config.cmake …
#   share/man/man1/parquedb.1, parquedb-*.1     share/bash-completion/completions/parquedb
#   lib/systemd/system/parquedb.service, .socket
#
# parquedb.pc and the CMake files find everything relative to themselves, so the tree may be moved.
include(GNUInstallDirs)
include(CMakePackageConfigHelpers)

# ---- program, libraries, headers ----
install(TARGETS parquedb RUNTIME DESTINATION ${CMAKE_INSTALL_BINDIR})
install(TARGETS parquedb_shared EXPORT parquedb_shared_export
        LIBRARY DESTINATION ${CMAKE_INSTALL_LIBDIR}
        INCLUDES DESTINATION ${CMAKE_INSTALL_INCLUDEDIR})
install(TARGETS parquedb_lib EXPORT parquedb_static_export
        ARCHIVE DESTINATION ${CMAKE_INSTALL_LIBDIR}
        INCLUDES DESTINATION ${CMAKE_INSTALL_INCLUDEDIR})
install(DIRECTORY include/parquedb DESTINATION ${CMAKE_INSTALL_INCLUDEDIR}
        FILES_MATCHING PATTERN "*.h")

# What the library itself needs: pkg-config's names and Debian's packages for building with it.
set(STATIC_PREFIXES "")
set(STATIC_MODULES "")
set(STATIC_PACKAGES "")
foreach(need ${LIBRARY_NEEDS})
  if(need MATCHES "^PkgConfig::(.*)$")
    list(APPEND STATIC_PREFIXES ${CMAKE_MATCH_1})
    list(APPEND STATIC_MODULES ${${CMAKE_MATCH_1}_MODULE_NAME})
    list(APPEND STATIC_PACKAGES ${${CMAKE_MATCH_1}_DEV_PACKAGE})
  endif()
endforeach()
list(JOIN STATIC_MODULES " " PC_REQUIRES)
list(JOIN STATIC_PACKAGES ", " DEB_SUGGESTS)

# ---- find_package(parquedb): parquedb::parquedb (shared) and parquedb::static ----
set(PACKAGE_DIR ${CMAKE_INSTALL_LIBDIR}/cmake/parquedb)
configure_file(tools/parquedb-config.cmake.in parquedb-config.cmake @ONLY)
write_basic_package_version_file(parquedb-config-version.cmake COMPATIBILITY SameMinorVersion)
install(FILES ${CMAKE_BINARY_DIR}/parquedb-config.cmake
              ${CMAKE_BINARY_DIR}/parquedb-config-version.cmake DESTINATION ${PACKAGE_DIR})
install(EXPORT parquedb_shared_export FILE parquedb-shared.cmake NAMESPACE parquedb::
        DESTINATION ${PACKAGE_DIR})
install(EXPORT parquedb_static_export FILE parquedb-static.cmake NAMESPACE parquedb::
        DESTINATION ${PACKAGE_DIR})

# ---- pkg-config ----
file(RELATIVE_PATH PC_PREFIX /${CMAKE_INSTALL_LIBDIR}/pkgconfig /)
string(REGEX REPLACE "/$" "" PC_PREFIX "${PC_PREFIX}")
configure_file(tools/parquedb.pc.in parquedb.pc @ONLY)
install(FILES ${CMAKE_BINARY_DIR}/parquedb.pc DESTINATION ${CMAKE_INSTALL_LIBDIR}/pkgconfig)

# ---- man pages from the program's own help; completion; papers ----
if(NOT CMAKE_CROSSCOMPILING)
  add_custom_command(OUTPUT man/parquedb.1
                     COMMAND sh ${CMAKE_SOURCE_DIR}/tools/make_man.sh $<TARGET_FILE:parquedb> man
                     DEPENDS parquedb ${CMAKE_SOURCE_DIR}/tools/make_man.sh
                     COMMENT "Writing the man pages" VERBATIM)
  add_custom_target(man ALL DEPENDS man/parquedb.1)
  install(DIRECTORY ${CMAKE_BINARY_DIR}/man/ DESTINATION ${CMAKE_INSTALL_MANDIR}/man1
          FILES_MATCHING PATTERN "*.1")
endif()
install(FILES cli/parquedb.bash DESTINATION ${CMAKE_INSTALL_DATADIR}/bash-completion/completions
        RENAME parquedb)
if(PARQUEDB_SERVER) # where systemd looks; not relative to the tree's place
  install(FILES tools/systemd/parquedb.service tools/systemd/parquedb.socket
          DESTINATION lib/systemd/system)
endif()
install(FILES README.md CHANGELOG.md DESTINATION ${CMAKE_INSTALL_DOCDIR})
install(FILES LICENSE DESTINATION ${CMAKE_INSTALL_DOCDIR} RENAME copyright)

# ---- Debian package ----
set(CPACK_PACKAGE_NAME parquedb)
set(CPACK_PACKAGE_CONTACT "The ParqueDB authors <parquedb@localhost>")
set(CPACK_PACKAGE_DESCRIPTION_SUMMARY "document and graph database on Apache Parquet files")
set(CPACK_DEBIAN_PACKAGE_DESCRIPTION
    "The program parquedb, the C library (shared and static) and its header. Documents are queried
with MongoDB's operators, edges are followed both ways, all history stays, and the files at rest
are plain Parquet.")
set(CPACK_DEBIAN_FILE_NAME DEB-DEFAULT)
set(CPACK_DEBIAN_PACKAGE_SECTION database)
set(CPACK_DEBIAN_PACKAGE_PRIORITY optional)
set(CPACK_DEBIAN_PACKAGE_SUGGESTS "${DEB_SUGGESTS}") # to link statically
set(CPACK_DEBIAN_PACKAGE_RECOMMENDS "tzdata") # names of time zones
set(CPACK_DEBIAN_PACKAGE_CONTROL_STRICT_PERMISSION ON)
set(CPACK_STRIP_FILES ON)
find_program(SHLIBDEPS_PROGRAM dpkg-shlibdeps)
find_program(FILE_PROGRAM file) # CPack asks it which files are programs
if(SHLIBDEPS_PROGRAM AND FILE_PROGRAM)
  set(CPACK_DEBIAN_PACKAGE_SHLIBDEPS ON)
  set(CPACK_DEBIAN_PACKAGE_SHLIBDEPS_PRIVATE_DIRS ${CMAKE_BINARY_DIR})
  set(CPACK_DEBIAN_PACKAGE_GENERATE_SHLIBS ON)
else()
  set(CPACK_DEBIAN_PACKAGE_DEPENDS "libc6, libbrotli1, libedit2, liblz4-1, libpcre2-8-0, \
libsnappy1v5, libsodium23, libsqlite3-0, libzstd1, zlib1g")
  if(PARQUEDB_SERVER)
    string(APPEND CPACK_DEBIAN_PACKAGE_DEPENDS ", libbson-1.0-0, libssl3, libuv1, libwslay1")
  endif()
endif()
include(CPack)
