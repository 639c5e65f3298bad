/* SPDX-License-Identifier: MIT */
/*
 * kafka/vendor/rdkafka-config: librdkafka's config.h, for our own build of its pinned source.
 *
 * What its ./configure writes on Linux with glibc, gcc or clang, and
 * --disable-gssapi --enable-zstd --enable-ssl --enable-lz4-ext --enable-curl --enable-zlib.
 * CMakeLists.txt copies it into the build folder, so no configure step runs and every sanitizer build covers
 * the client too. When the pinned version moves, run that configure once and compare.
 */
#ifndef _CONFIG_H_
#define _CONFIG_H_

#define SOLIB_EXT ".so"
#if defined(__x86_64__)
#define ARCH "x86_64"
#define WITH_CRC32C_HW 1 /* SSE 4.2, chosen at run time */
#else
#define ARCH "generic"
#endif
#define CPU "generic"
#define WITHOUT_OPTIMIZATION 0
#define WITH_STRIP 0
#define ENABLE_DEVEL 0
#define ENABLE_VALGRIND 0
#define ENABLE_REFCNT_DEBUG 0
#define ENABLE_GSSAPI 0
#define ENABLE_CURL 1
#define ENABLE_LZ4_EXT 1
#define ENABLE_REGEX_EXT 1
#define ENABLE_SSL 1
#define ENABLE_SYSLOG 1
#define ENABLE_ZLIB 1
#define ENABLE_ZSTD 1
#define ENABLE_C11THREADS "try"
#define MKL_APP_NAME "librdkafka"
#define MKL_APP_DESC_ONELINE "The Apache Kafka C/C++ library"
#define MKL_APP_VERSION "2.15.1"
#define RDKAFKA_VERSION_STR "2.15.1"

#define HAVE_ATOMICS_32 1
#define HAVE_ATOMICS_32_ATOMIC 1
#define HAVE_ATOMICS_64 1
#define HAVE_ATOMICS_64_ATOMIC 1
#define ATOMIC_OP32(OP1, OP2, PTR, VAL) __atomic_##OP1##_##OP2(PTR, VAL, __ATOMIC_SEQ_CST)
#define ATOMIC_OP64(OP1, OP2, PTR, VAL) __atomic_##OP1##_##OP2(PTR, VAL, __ATOMIC_SEQ_CST)
#define ATOMIC_OP(OP1, OP2, PTR, VAL) __atomic_##OP1##_##OP2(PTR, VAL, __ATOMIC_SEQ_CST)

#if !defined(__SANITIZE_THREAD__) /* ThreadSanitizer follows pthread_create only */
#define WITH_C11THREADS 1
#endif
#define WITH_CURL 1
#define WITH_GCC 1
#define WITH_GNULD 1
#define WITH_HDRHISTOGRAM 1
#define WITH_LIBDL 1
#define WITH_LZ4_EXT 1
#define WITH_OAUTHBEARER_OIDC 1
#define WITH_PLUGINS 1
#define WITH_SASL_OAUTHBEARER 1
#define WITH_SASL_SCRAM 1
#define WITH_SNAPPY 1
#define WITH_SOCKEM 1
#define WITH_SSL 1
#define WITH_SYSLOG 1
#define WITH_ZLIB 1
#define WITH_ZSTD 1
#define OPENSSL_SUPPRESS_DEPRECATED "OPENSSL_SUPPRESS_DEPRECATED"

#define HAVE_PIC 1
#define HAVE_REGEX 1
#define HAVE_RAND_R 1
#define HAVE_GETENTROPY 1
#define HAVE_STRNDUP 1
#define HAVE_STRERROR_R 1
#define HAVE_STRCASESTR 1
#define HAVE_PTHREAD_SETNAME_GNU 1
#define HAVE_GETRUSAGE 1
#define BUILT_WITH                                                                                 \
    "GCC GNULD C11THREADS LIBDL PLUGINS ZLIB SSL ZSTD CURL HDRHISTOGRAM LZ4_EXT SYSLOG SNAPPY "    \
    "SOCKEM SASL_SCRAM SASL_OAUTHBEARER OAUTHBEARER_OIDC"

#endif
