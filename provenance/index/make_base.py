"""Makes ``base.grams``: python -m provenance.index.make_base FOLDER... (one licence text a file).

The shipped set was made from the texts of the npm package ``spdx-license-list`` 6.12.0 (CC0-1.0; only the
licences listed here) and Debian's ``/usr/share/common-licenses``, and of the preambles that standards prescribe for
documents (W3C, Apple, Maven, Android). Only grams are kept, no text. It is not needed at run time.
"""

from __future__ import annotations

import itertools
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
    keys = commons.keys_of(
        form.encode() for form in [*preambles(), *programs(), *(form for text in texts for form in forms(text))]
    )
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


# The least program of a language, slot by slot: what any two beginners share. Names are parameters of a gram, so one
# of a kind stands for all; what follows the head is cut after its first tokens.
PROGRAMS: tuple[tuple[tuple[str, ...], ...], ...] = (
    (  # Java
        (
            "",
            "import java.util.Scanner;",
            "import java.util.*;",
            "import java.io.*;",
            "import java.util.*; import java.io.*;",
            "import java.io.*; import java.util.*;",
            "import java.util.Scanner; import java.util.Arrays;",
            "import java.util.Arrays; import java.util.Scanner;",
            "import java.io.BufferedReader; import java.io.IOException; import java.io.InputStreamReader;",
        ),
        ("public class A {", "class A {", "public final class A {"),
        (
            "public static void main(String[] args) {",
            "public static void main(String args[]) {",
            "public static void main(String[] args) throws IOException {",
            "public static void main(String[] args) throws Exception {",
            "static int b = 0; public static void main(String[] args) {",
        ),
        (
            "",
            "Scanner sc = new Scanner(System.in);",
            "java.util.Scanner sc = new java.util.Scanner(System.in);",
            "BufferedReader br = new BufferedReader(new InputStreamReader(System.in));",
        ),
        (
            '// Prompt the user to enter a number\nSystem.out.print("Enter a number: ");',
            "/* Create a Scanner */",
            "/** Create */",
            'System.out.print("Enter a number: "); int n = sc.nextInt();',
            'System.out.print("Enter an integer: "); double n = sc.nextDouble();',
            'System.out.print("Enter the number of lines: "); String s = sc.nextLine();',
            'System.out.println("Enter a number: "); int n = sc.nextInt();',
            'System.out.println("Enter the number: "); int n = sc.nextInt();',
            'System.out.println("Hello, World!"); } }',
            'System.out.printf("%d", 1);',
            "System.out.println(a);",
            "System.out.println();",
            "int n = sc.nextInt(); int m = sc.nextInt();",
            "int n = 0, m = 0;",
            "int n; int m;",
            "int n = Integer.parseInt(br.readLine());",
            "int n = Integer.parseInt(args[0]);",
            "int[] xs = new int[10];",
            "int xs[] = new int[10];",
            "int[][] xs = new int[10][10];",
            "int[] xs = {1, 2, 3};",
            "double x = sc.nextDouble(); double y = sc.nextDouble();",
            "double x = 0.0; double y = 0.0;",
            "double[] xs = new double[10];",
            "String s = sc.nextLine(); String t = sc.nextLine();",
            "String s = sc.next();",
            'String s = "";',
            "long n = sc.nextLong();",
            "final int N = 10;",
            "boolean done = false;",
            "char c = 'a';",
            "for (int i = 0; i < 10; i++) {",
            "while (true) {",
            "if (a > b) {",
            "A a = new A();",
            "b(1, 2);",
            "Random r = new Random();",
            "List<Integer> xs = new ArrayList<>();",
            "ArrayList<Integer> xs = new ArrayList<Integer>();",
        ),
    ),
    (  # C and C++
        (
            "",
            "#include <stdio.h>",
            "#include <stdio.h>\n#include <stdlib.h>",
            "#include <stdio.h>\n#include <stdlib.h>\n#include <string.h>",
            "#include <iostream>",
            "#include <iostream>\nusing namespace std;",
            "#include <bits/stdc++.h>\nusing namespace std;",
            "#include <iostream>\n#include <vector>\n#include <string>\nusing namespace std;",
        ),
        (
            "int main() {",
            "int main(void) {",
            "int main(int argc, char *argv[]) {",
            "int main(int argc, char **argv) {",
            "int main() { ios::sync_with_stdio(false); cin.tie(nullptr);",
            "int main() { ios_base::sync_with_stdio(false); cin.tie(NULL);",
            "int main() { ios_base::sync_with_stdio(0); cin.tie(0); cout.tie(0);",
        ),
        (
            'printf("Hello, World!\\n"); return 0; }',
            'printf("Enter a number: "); scanf("%d", &n);',
            'int n; scanf("%d", &n);',
            'int n, m; scanf("%d %d", &n, &m);',
            "int n; cin >> n;",
            "int n, m; cin >> n >> m;",
            "int t; cin >> t; while (t--) { int n; cin >> n;",
            'cout << "Enter a number: "; cin >> n;',
            'std::cout << "Hello, World!" << std::endl; return 0; }',
            "int i, j; for (i = 0; i < n; i++) {",
            'if (argc < 2) { fprintf(stderr, "Usage: %s\\n", argv[0]); return 1; }',
            'if (argc != 2) { fprintf(stderr, "usage: %s\\n", argv[0]); exit(1); }',
        ),
    ),
    (  # Python
        (
            "",
            "#!/usr/bin/env python\n",
            "#!/usr/bin/env python3\n",
            "#!/usr/bin/env python\n# -*- coding: utf-8 -*-\n",
            "#!/usr/bin/env python3\n# -*- coding: utf-8 -*-\n",
        ),
        (
            "import os\nimport sys\nimport argparse\n",
            "import argparse\nimport os\nimport sys\n",
            "import argparse\nimport logging\nimport os\nimport sys\n",
            "import sys\nimport threading\n",
            "import sys\n",
            "import numpy as np\nimport matplotlib.pyplot as plt\n",
            "import numpy as np\nimport pandas as pd\nimport matplotlib.pyplot as plt\n",
            "from __future__ import absolute_import\nfrom __future__ import division\n"
            "from __future__ import print_function\n",
            "from __future__ import absolute_import, division, print_function\n",
        ),
        (
            "def main():\n    parser = argparse.ArgumentParser(description=__doc__)\n    parser.add_argument('--x')\n",
            "def main():\n    parser = argparse.ArgumentParser()\n    parser.add_argument('--x', type=int)\n",
            "def main():\n    pass\n\nif __name__ == '__main__':\n    main()\n",
            "def main():\n    pass\n\nif __name__ == '__main__':\n    sys.exit(main())\n",
            "def main():\n    import sys\n    input = sys.stdin.readline\n    n = int(input())\n",
            "def main():\n    import sys\n    input = sys.stdin.read\n    data = input().split()\n",
            "input = sys.stdin.readline\nn, m = map(int, input().split())\na = list(map(int, input().split()))\n",
            "def main():\n    n, m = map(int, sys.stdin.readline().split())\n"
            "    a = list(map(int, sys.stdin.readline().split()))\n",
            "def main():\n    sys.setrecursionlimit(1 << 25)\n    n, m = map(int, sys.stdin.readline().split())\n",
            "sys.setrecursionlimit(10**6)\ninput = sys.stdin.readline\nn = int(input())\n",
            "import unittest\n\nclass T(unittest.TestCase):\n    def test(self):\n        self.assertEqual(1, 1)\n\n"
            "if __name__ == '__main__':\n    unittest.main()\n",
        ),
    ),
    (  # a workflow of GitHub Actions
        (
            "on: [push]",
            "on: [push, pull_request]",
            "on:\n  push:\n    branches: [ master ]\n  pull_request:\n    branches: [ master ]",
            "on:\n  push:\n    branches: [ main ]\n  pull_request:\n    branches: [ main ]",
            "on:\n  push:\n    branches:\n      - main",
            "on:\n  release:\n    types: [created]",
            "on:\n  release:\n    types: [published]",
        ),
        (
            "jobs:\n  build:\n    runs-on: ubuntu-latest",
            "jobs:\n  test:\n    runs-on: ubuntu-latest",
            "jobs:\n  deploy:\n    runs-on: ubuntu-latest",
            "jobs:\n  build:\n    runs-on: ${{ matrix.os }}",
            "jobs:\n  test:\n    runs-on: ${{ matrix.os }}",
        ),
        (
            "",
            "strategy:\n      matrix:\n        python-version: [3.6, 3.7, 3.8]",
            "strategy:\n      matrix:\n        python-version: ['3.8', '3.9', '3.10']",
            "strategy:\n      fail-fast: false\n      matrix:\n        python-version: ['3.8', '3.9', '3.10']",
            "strategy:\n      matrix:\n        node-version: [10.x, 12.x, 14.x]",
        ),
        (
            "steps:\n      - uses: actions/checkout@v2",
            "steps:\n      - name: Checkout\n        uses: actions/checkout@v2",
            "steps:\n      - uses: actions/checkout@v2\n        with:\n          fetch-depth: 0",
        ),
        (
            "- name: Set up Python ${{ matrix.python-version }}\n        uses: actions/setup-python@v2\n        with:\n"
            "          python-version: ${{ matrix.python-version }}",
            "- name: Set up Python\n        uses: actions/setup-python@v2\n        with:\n"
            "          python-version: 3.8",
            "- name: Set up Python\n        uses: actions/setup-python@v2\n        with:\n"
            "          python-version: '3.x'",
            "- name: Set up Python 3.8\n        uses: actions/setup-python@v2\n        with:\n"
            "          python-version: 3.8",
            "- uses: actions/setup-python@v2\n        with:\n          python-version: 3.8",
            "- name: Use Node.js ${{ matrix.node-version }}\n        uses: actions/setup-node@v1\n        with:\n"
            "          node-version: ${{ matrix.node-version }}",
            "- uses: actions/setup-node@v2\n        with:\n          node-version: 14",
            "- name: Set up Go\n        uses: actions/setup-go@v2\n        with:\n          go-version: 1.15",
        ),
        (
            "- name: Install dependencies\n        run: |\n          python -m pip install --upgrade pip\n"
            "          pip install -r requirements.txt",
            "- name: Install dependencies\n        run: |\n          python -m pip install --upgrade pip\n"
            "          pip install flake8 pytest",
            "- name: Install dependencies\n        run: |\n          python -m pip install --upgrade pip\n"
            "          pip install setuptools wheel twine",
            "- run: npm ci\n      - run: npm run build --if-present\n      - run: npm test",
            "- name: Build\n        run: go build -v ./...",
        ),
    ),
    (  # C#, Go, Rust
        (
            "using System; using System.Collections.Generic; using System.Linq; using System.Text; "
            "using System.Threading.Tasks; namespace N { class P { static void Main(string[] args) { "
            'Console.WriteLine("Hello");',
            "using System; namespace N { class P { static void Main(string[] args) { Console.WriteLine(a);",
            "using System; class P { static void Main() { int n = int.Parse(Console.ReadLine());",
            'package main\n\nimport (\n\t"fmt"\n\t"os"\n)\n\nfunc main() {\n\tfmt.Println("a")\n}\n',
            'package main\n\nimport (\n\t"bufio"\n\t"fmt"\n\t"os"\n)\n\nfunc main() {\n'
            "\treader := bufio.NewReader(os.Stdin)\n",
            "use std::io; fn main() { let mut s = String::new(); io::stdin().read_line(&mut s).unwrap();",
        ),
    ),
)


def programs() -> Iterator[str]:
    """The least programs: every choice of every slot."""
    for slots in PROGRAMS:
        yield from ("\n".join(parts) for parts in itertools.product(*slots))


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
