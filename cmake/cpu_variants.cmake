# Kernels for one instruction set are files named *_avx2.c, *_avx512.c, *_neon_fp16.c: compiled for it, called only after a CPU check.
if(CMAKE_SYSTEM_PROCESSOR MATCHES "x86_64|AMD64")
  foreach(source ${PIPPIN_SOURCES})
    if(source MATCHES "_avx2\\.c$")
      set_source_files_properties(${source} PROPERTIES COMPILE_OPTIONS "-mavx2;-mfma;-mf16c")
    elseif(source MATCHES "_avx512\\.c$")
      set_source_files_properties(${source} PROPERTIES COMPILE_OPTIONS
        "-mavx512f;-mavx512bw;-mavx512vl;-mavx512dq;-mavx2;-mfma;-mf16c")
    endif()
  endforeach()
else()
  list(FILTER PIPPIN_SOURCES EXCLUDE REGEX "_avx(2|512)\\.c$")
endif()
