# SPDX-License-Identifier: MIT
#
# Writes a file as a C array: cmake -DFILE=page.html -DNAME=page_html -DOUTPUT=page.c -P embed.cmake
file(READ "${FILE}" bytes HEX)
string(REGEX REPLACE "(..)" "0x\\1," bytes "${bytes}")
string(REGEX REPLACE "(................................................................................)" "\\1\n" bytes "${bytes}")
file(
  WRITE "${OUTPUT}"
  "/* Made from ${NAME} by embed.cmake. */\n#include <stddef.h>\n\n"
  "extern const unsigned char ${NAME}[];\nextern const size_t ${NAME}_size;\n\n"
  "const unsigned char ${NAME}[] = {\n${bytes}\n};\nconst size_t ${NAME}_size = sizeof(${NAME});\n"
)
