# Figures need cairo and pango, which take milliseconds to load: a module, opened when a figure is asked for.
if(CLIPSEG_FIGURE)
  pkg_check_modules(FIGURE REQUIRED IMPORTED_TARGET pangocairo cairo)
  add_library(figure MODULE src/output/figure/figure.c)
  target_link_libraries(figure PRIVATE settings PkgConfig::FIGURE)
  set_target_properties(figure PROPERTIES PREFIX "" OUTPUT_NAME clipseg-figure)
endif()
