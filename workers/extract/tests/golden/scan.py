"""Puts a JPEG on a page of its own, as a scanner does: python3 scan.py picture.jpg page.pdf"""
import struct, sys

picture = open(sys.argv[1], "rb").read()
at = 2
while True:
    mark, length = struct.unpack(">HH", picture[at:at + 4])
    if mark in (0xFFC0, 0xFFC2):
        height, width = struct.unpack(">HH", picture[at + 5:at + 9])
        colours = b"DeviceGray" if picture[at + 9] == 1 else b"DeviceRGB"
        break
    at += 2 + length
content = b"q 595 0 0 842 0 0 cm /I Do Q"
objects = [
    b"<</Type/Catalog/Pages 2 0 R>>",
    b"<</Type/Pages/Kids[3 0 R]/Count 1>>",
    b"<</Type/Page/Parent 2 0 R/MediaBox[0 0 595 842]/Resources<</XObject<</I 4 0 R>>>>/Contents 5 0 R>>",
    b"<</Type/XObject/Subtype/Image/Width %d/Height %d/ColorSpace/%s/BitsPerComponent 8/Filter/DCTDecode/Length %d>>\nstream\n%s\nendstream"
    % (width, height, colours, len(picture), picture),
    b"<</Length %d>>\nstream\n%s\nendstream" % (len(content), content),
]
out, places = b"%PDF-1.4\n", []
for number, one in enumerate(objects, 1):
    places.append(len(out))
    out += b"%d 0 obj\n%s\nendobj\n" % (number, one)
start = len(out)
out += b"xref\n0 %d\n0000000000 65535 f \n" % (len(objects) + 1)
out += b"".join(b"%010d 00000 n \n" % place for place in places)
out += b"trailer\n<</Size %d/Root 1 0 R>>\nstartxref\n%d\n%%%%EOF\n" % (len(objects) + 1, start)
open(sys.argv[2], "wb").write(out)
