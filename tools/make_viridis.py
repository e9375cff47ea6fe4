#!/usr/bin/env python3
"""Write src/output/viridis.h from matplotlib's colour map "viridis" (CC0): make_viridis.py > src/output/viridis.h"""
import matplotlib

print("/* viridis.h: the colour map \"viridis\" (CC0), written by tools/make_viridis.py. */")
print("#ifndef OUTPUT_VIRIDIS_H\n#define OUTPUT_VIRIDIS_H\n\n#include <stdint.h>\n")
print("static const uint8_t viridis[256][3] = {")
colours = [matplotlib.colormaps["viridis"](i)[:3] for i in range(256)]
cells = ["{" + ", ".join(str(round(255 * c)) for c in rgb) + "}" for rgb in colours]
for i in range(0, 256, 6):
    print("    " + ", ".join(cells[i:i + 6]) + ",")
print("};\n\n#endif")
