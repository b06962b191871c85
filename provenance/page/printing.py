"""The page as PDF, by WeasyPrint (the ``pdf`` extra), which runs no script and is let to fetch nothing."""

from __future__ import annotations

import logging
from typing import Any

from provenance.errors import ProvenanceError


def pdf(page: str) -> bytes:
    """The pages of an HTML text. Same text, fonts and version of WeasyPrint, same bytes.

    Raises ProvenanceError where WeasyPrint, or a library of the system that it needs, is not there.
    """
    try:
        import weasyprint
    except ModuleNotFoundError as error:
        raise ProvenanceError(
            f"a PDF needs {error.name}, which is not installed (pip install 'provenance-cleanroom[pdf]', or print the "
            "page from a browser)"
        ) from error
    except OSError as error:
        raise ProvenanceError(
            f"WeasyPrint lacks a library of the system: {error} (install Pango, or print the page from a browser)"
        ) from error
    logging.getLogger("weasyprint").setLevel(logging.ERROR)
    logging.getLogger("fontTools").setLevel(logging.ERROR)
    document = weasyprint.HTML(string=page, url_fetcher=_nothing, media_type="print")
    written = document.write_pdf(pdf_identifier=b"provenance report")
    assert isinstance(written, bytes)
    return written


def _nothing(url: str, *_: Any, **__: Any) -> Any:
    raise ValueError(f"a report loads nothing: {url}")
