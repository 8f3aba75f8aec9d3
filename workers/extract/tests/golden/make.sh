#!/bin/sh
# Makes the golden documents anew. Needs Debian's pandoc, libreoffice-{writer,calc,impress}-nogui, texlive-latex-base, texlive-latex-recommended,
# texlive-fonts-recommended, lmodern, poppler-utils, qpdf, ffmpeg, espeak-ng, fonts-noto-cjk and fonts-dejavu-core. What is committed was made by it once.
set -eu
cd "$(dirname "$0")"
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
office() { soffice -env:UserInstallation="file://$work/profile" --headless --convert-to "$1" --outdir "$work" "$2" >/dev/null; }

# pandoc
for kind in docx odt epub rtf pptx html; do pandoc -s source.md -o "pandoc.$kind"; done
pandoc -s source.md -o pandoc.ipynb

# LibreOffice, from what pandoc wrote: its own flavour of each kind
cp pandoc.odt "$work/office.odt"
cp pandoc.pptx "$work/slides.pptx"
for kind in docx rtf doc pdf; do office "$kind" "$work/office.odt"; cp "$work/office.$kind" "office.$kind"; done
office odp "$work/slides.pptx"; cp "$work/slides.odp" office.odp
cp sheet.csv "$work/office-sheet.csv"
for kind in ods xlsx xls; do
    soffice -env:UserInstallation="file://$work/profile" --headless --infilter="Text - txt - csv (StarCalc):44,34,76" \
        --convert-to "$kind" --outdir "$work" "$work/office-sheet.csv" >/dev/null
    cp "$work/office-sheet.$kind" "office.$kind"
done
cp book.fods "$work/book.fods"
for kind in xlsx ods; do office "$kind" "$work/book.fods"; cp "$work/book.$kind" "book.$kind"; done

# LaTeX: one column with a table and code, two columns, fonts that are pictures, and a page for the mixed document
for name in article columns bitmap first; do
    pdflatex -interaction=batchmode -output-directory "$work" "$name.tex" >/dev/null
    pdflatex -interaction=batchmode -output-directory "$work" "$name.tex" >/dev/null
    cp "$work/$name.pdf" "latex-$name.pdf"
done

# A document whose second page is a scan, one of scans alone, one behind a password
pdftoppm -r 120 -jpeg -jpegopt quality=50 -singlefile latex-article.pdf "$work/scan"
python3 scan.py "$work/scan.jpg" scanned.pdf
qpdf --empty --pages latex-first.pdf 1 scanned.pdf 1 -- mixed.pdf
rm latex-first.pdf
qpdf --encrypt secret owner 256 -- scanned.pdf protected.pdf

# A film with sound and chapters
espeak-ng -w "$work/said.wav" "The golden handbook explains how to install the tool."
printf ';FFMETADATA1\ntitle=Golden film\nartist=Müller\n[CHAPTER]\nTIMEBASE=1/1000\nSTART=0\nEND=1000\ntitle=Opening\n[CHAPTER]\nTIMEBASE=1/1000\nSTART=1000\nEND=3000\ntitle=Installing\n' >"$work/meta.txt"
ffmpeg -v error -y -f lavfi -i testsrc=size=160x120:rate=5:duration=3 -i "$work/said.wav" -i "$work/meta.txt" -map_metadata 2 -shortest \
    -c:v libx264 -pix_fmt yuv420p -crf 40 -c:a aac -b:a 24k film.mp4
ffmpeg -v error -y -i "$work/said.wav" -metadata title="Golden sound" -ac 1 -b:a 16k sound.mp3
