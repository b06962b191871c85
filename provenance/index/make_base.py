"""Makes ``base.grams``: python -m provenance.index.make_base FOLDER... (one licence text a file).

The shipped set was made from the texts of the npm package ``spdx-license-list`` 6.12.0 (CC0-1.0; only the
licences listed here) and Debian's ``/usr/share/common-licenses``, and of the preambles that standards prescribe for
documents (W3C, Apple, Maven, Android). Only grams are kept, no text. It is not needed at run time.
"""

from __future__ import annotations

import re
import sys
import textwrap
from collections.abc import Iterator
from pathlib import Path

from provenance.index import commons

NAMES = frozenset(
    """0BSD AFL-3.0 AGPL-3.0-only AGPL-3.0-or-later Apache-1.1 Apache-2.0 Artistic Artistic-1.0 Artistic-2.0 BSD
    BSD-1-Clause BSD-2-Clause BSD-2-Clause-Patent BSD-3-Clause BSD-3-Clause-Clear BSD-4-Clause BSL-1.0 BUSL-1.1
    CC-BY-3.0 CC-BY-4.0 CC-BY-SA-3.0 CC-BY-SA-4.0 CC0-1.0 CDDL-1.0 CDDL-1.1 CECILL-2.1 CPL-1.0 ECL-2.0 EFL-2.0
    EPL-1.0 EPL-2.0 EUPL-1.1 EUPL-1.2 FTL GFDL-1.2-only GFDL-1.3-only GPL GPL-1 GPL-2 GPL-3 GPL-2.0-only
    GPL-2.0-or-later GPL-3.0-only GPL-3.0-or-later HPND ICU IJG IPL-1.0 ISC LGPL LGPL-2 LGPL-2.0-only LGPL-2.1
    LGPL-2.1-only LGPL-3 LGPL-3.0-only Libpng LPPL-1.3c MIT MIT-0 MPL-1.0 MPL-1.1 MPL-2.0 MS-PL MS-RL MulanPSL-2.0
    NCSA NTP OFL-1.1 OpenSSL OSL-3.0 PHP-3.01 PostgreSQL PSF-2.0 Python-2.0 QPL-1.0 Ruby SGI-B-2.0 SISSL Sleepycat
    SSPL-1.0 TCL Unicode-3.0 Unicode-DFS-2016 Unlicense UPL-1.0 Vim W3C WTFPL X11 Zlib ZPL-2.1 bzip2-1.0.6 curl
    libtiff zlib-acknowledgement""".split()
)
PREFIXES = ("# ", " * ", "// ", "-- ", "; ")
# What sources carry of a licence: short texts whole, of long ones the notice that they give as an appendix.
NOTICE = 700


def main(folders: list[str]) -> None:
    """Read the licence texts below the folders and write the set beside this module."""
    texts = [path.read_text("utf-8", "replace") for path in _files(folders)]
    keys = commons.keys_of(form.encode() for form in [*preambles(), *(form for text in texts for form in forms(text))])
    commons.write(Path(__file__).with_name(f"{commons.BASE}.grams"), keys)
    sys.stdout.write(f"{len(texts)} texts, {len(keys)} grams\n")


XML = (
    "",
    '<?xml version="1.0"?>',
    '<?xml version="1.0" encoding="UTF-8"?>',
    '<?xml version="1.0" encoding="utf-8"?>',
    '<?xml version="1.0" encoding="UTF-8" standalone="no"?>',
)
XHTML = "http://www.w3.org/1999/xhtml"
DOCUMENTS = (
    (
        '<!DOCTYPE plist PUBLIC "-//Apple//DTD PLIST 1.0//EN" "http://www.apple.com/DTDs/PropertyList-1.0.dtd">',
        '<plist version="1.0">\n<dict>\n<key>',
    ),
    (
        '<!DOCTYPE plist PUBLIC "-//Apple Computer//DTD PLIST 1.0//EN" "http://www.apple.com/DTDs/PropertyList-1.0.dtd">',
        '<plist version="1.0">\n<dict>\n<key>',
    ),
    (
        '<!DOCTYPE svg PUBLIC "-//W3C//DTD SVG 1.1//EN" "http://www.w3.org/Graphics/SVG/1.1/DTD/svg11.dtd">',
        '<svg xmlns="http://www.w3.org/2000/svg" xmlns:xlink="http://www.w3.org/1999/xlink" version="1.1" '
        'viewBox="0 0 ',
    ),
    (
        "",
        '<svg xmlns="http://www.w3.org/2000/svg" xmlns:xlink="http://www.w3.org/1999/xlink" viewBox="0 0 24 24" '
        'fill="none" stroke="currentColor" stroke-width="2" stroke-linecap="round" stroke-linejoin="round">',
    ),
    (
        "",
        '<svg xmlns="http://www.w3.org/2000/svg" width="24" height="24" viewBox="0 0 24 24" fill="none" '
        'stroke="currentColor" stroke-width="2" stroke-linecap="round" stroke-linejoin="round">',
    ),
    (
        '<!DOCTYPE html PUBLIC "-//W3C//DTD XHTML 1.0 Strict//EN" "http://www.w3.org/TR/xhtml1/DTD/xhtml1-strict.dtd">',
        f'<html xmlns="{XHTML}" xml:lang="en" lang="en">\n<head>\n<meta http-equiv="Content-Type" content="text/html; '
        'charset=utf-8" />\n<title>',
    ),
    (
        '<!DOCTYPE html PUBLIC "-//W3C//DTD XHTML 1.0 Transitional//EN" '
        '"http://www.w3.org/TR/xhtml1/DTD/xhtml1-transitional.dtd">',
        f'<html xmlns="{XHTML}">\n<head>\n<meta http-equiv="Content-Type" content="text/html; charset=utf-8" />\n'
        "<title>",
    ),
    (
        '<!DOCTYPE html PUBLIC "-//W3C//DTD XHTML 1.1//EN" "http://www.w3.org/TR/xhtml11/DTD/xhtml11.dtd">',
        f'<html xmlns="{XHTML}" xml:lang="en">\n<head>\n<title>',
    ),
    (
        '<!DOCTYPE HTML PUBLIC "-//W3C//DTD HTML 4.01//EN" "http://www.w3.org/TR/html4/strict.dtd">',
        "<html>\n<head>\n<title>",
    ),
    (
        '<!DOCTYPE HTML PUBLIC "-//W3C//DTD HTML 4.01 Transitional//EN" "http://www.w3.org/TR/html4/loose.dtd">',
        "<html>\n<head>\n<title>",
    ),
    (
        "<!DOCTYPE html>",
        '<html lang="en">\n<head>\n<meta charset="UTF-8">\n<meta name="viewport" '
        'content="width=device-width, initial-scale=1.0">\n<title>',
    ),
    (
        "<!DOCTYPE html>",
        '<html lang="en">\n<head>\n<meta charset="utf-8" />\n<meta name="viewport" '
        'content="width=device-width, initial-scale=1" />\n<title>',
    ),
    (
        "",
        '<project xmlns="http://maven.apache.org/POM/4.0.0" xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance" '
        'xsi:schemaLocation="http://maven.apache.org/POM/4.0.0 http://maven.apache.org/xsd/maven-4.0.0.xsd">\n'
        "<modelVersion>4.0.0</modelVersion>",
    ),
    ("", '<manifest xmlns:android="http://schemas.android.com/apk/res/android" package="'),
    (
        "",
        '<beans xmlns="http://www.springframework.org/schema/beans" '
        'xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance" '
        'xsi:schemaLocation="http://www.springframework.org/schema/beans '
        'http://www.springframework.org/schema/beans/spring-beans.xsd">',
    ),
    ("", '<xsl:stylesheet version="1.0" xmlns:xsl="http://www.w3.org/1999/XSL/Transform">'),
    (
        "",
        '<xs:schema xmlns:xs="http://www.w3.org/2001/XMLSchema" elementFormDefault="qualified" '
        'attributeFormDefault="unqualified">',
    ),
)


def preambles() -> Iterator[str]:
    """The heads that standards prescribe for documents: the same in every file of the kind."""
    for declaration in XML:
        for doctype, root in DOCUMENTS:
            yield f"{declaration}\n{doctype}\n{root}"


def _files(folders: list[str]) -> Iterator[Path]:
    for folder in folders:
        for path in sorted(Path(folder).iterdir()):
            if path.is_file() and (path.name.removesuffix(".txt") in NAMES):
                yield path


def forms(text: str) -> Iterator[str]:
    """A licence as it is met: whole, and its notices as comments in the usual styles and line widths."""
    yield text
    for notice in notices(text):
        paragraphs = [" ".join(part.split()) for part in re.split(r"\n[ \t*#]*\n", notice) if part.strip()]
        layouts = ["\n".join(line.strip() for line in notice.splitlines())]
        layouts += ["\n\n".join(textwrap.fill(part, width) for part in paragraphs) for width in (70, 72, 76)]
        for layout in layouts:
            for prefix in PREFIXES:
                yield "\n".join((prefix + line).rstrip() for line in layout.split("\n"))


def notices(text: str) -> Iterator[str]:
    """The parts of a licence that stand at the head of source files."""
    if len(text.split()) < NOTICE:
        yield text
    for mark in (
        "Licensed under the",
        "This program is free software",
        "This library is free software",
        "This Source Code Form is subject",
        "The contents of this file are subject",
    ):
        at = text.find(mark)
        if at >= 0:
            yield text[max(0, at - 200) : at + 1600]


if __name__ == "__main__":
    main(sys.argv[1:])
