"""A label in the forms of others: each a function from a label to bytes, and the same label gives the same bytes.

``FORMS`` names them all. Facts come from the label alone; what a form demands and no label knows is ``Given`` or stays
unknown. Nothing here calls a record of unknown origin a person's.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

from provenance.exports import aiact, croissant, cyclonedx, dta, huggingface, openlineage, spdx
from provenance.exports.said import Given
from provenance.label.form import Label

__all__ = ["FORMS", "Form", "Given"]


class Form(NamedTuple):
    """A form that a label is exported to."""

    render: Callable[[Label, Given], bytes]
    file: str
    """Its usual file name."""
    about: str
    needs_date: bool = False


FORMS = {
    "cyclonedx": Form(cyclonedx.render, "bom.cdx.json", "CycloneDX 1.7 ML-BOM (ECMA-424)"),
    "croissant": Form(croissant.render, "croissant.json", "Croissant 1.1 with RAI fields (MLCommons), JSON-LD"),
    "spdx": Form(spdx.render, "dataset.spdx.json", "SPDX 3.0.1, Dataset and AI classes, JSON-LD", True),
    "dta": Form(dta.render, "provenance-metadata.json", "Data Provenance Standards 1.0.0 (Data & Trust Alliance)"),
    "huggingface": Form(huggingface.render, "README.md", "Hugging Face dataset card: front matter and a section"),
    "ai-act": Form(aiact.markdown, "ai-act-2.5.md", "EU AI Act Art. 53(1)(d) template, draft of section 2.5, Markdown"),
    "ai-act-json": Form(aiact.render, "ai-act-2.5.json", "the same draft as JSON"),
    "openlineage": Form(openlineage.render, "openlineage.json", "OpenLineage RunEvent with an origin facet", True),
}
