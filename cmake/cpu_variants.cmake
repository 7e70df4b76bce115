# Kernels for one instruction set are files named *_avx2.c, *_avx512.c, *_neon_fp16.c: compiled for it, called only after a CPU check.
# Loops of the CPU kernels become vector instructions only when the C library need not set errno and nobody reads exception flags.
foreach(source ${PIPPIN_SOURCES})
  if(source MATCHES "/src/kernels/")
    set_property(SOURCE ${source} APPEND PROPERTY COMPILE_OPTIONS -fno-math-errno -fno-trapping-math)
  endif()
endforeach()
if(CMAKE_SYSTEM_PROCESSOR MATCHES "x86_64|AMD64")
  foreach(source ${PIPPIN_SOURCES})
    if(source MATCHES "_avx2\\.c$")
      set_property(SOURCE ${source} APPEND PROPERTY COMPILE_OPTIONS -mavx2 -mfma -mf16c)
    elseif(source MATCHES "_avx512\\.c$")
      set_property(SOURCE ${source} APPEND PROPERTY COMPILE_OPTIONS
        -mavx512f -mavx512bw -mavx512vl -mavx512dq -mavx2 -mfma -mf16c -mprefer-vector-width=512)
    endif()
  endforeach()
else()
  list(FILTER PIPPIN_SOURCES EXCLUDE REGEX "_avx(2|512)\\.c$")
endif()
