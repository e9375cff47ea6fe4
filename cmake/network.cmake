# Network: libcurl and libcrypto take 12 ms to load: a module, opened when something is fetched.
if(CLIPSEG_NETWORK)
  pkg_check_modules(NETWORK REQUIRED IMPORTED_TARGET libcurl libcrypto)
  add_library(network MODULE src/hub/network/http.c src/hub/network/digest.c src/base/buffer.c
    src/base/utf8.c)
  target_link_libraries(network PRIVATE settings PkgConfig::NETWORK)
  set_target_properties(network PROPERTIES PREFIX "" OUTPUT_NAME clipseg-network)
endif()
