"""Rules of documents."""

TEXTS = {
    "document-missing": ("there is no document {0}", "write it, or correct the plan"),
    "document-section": ("no heading is about {0!r}", "write the procedure under a heading with this word"),
    "document-empty-section": ("the section {0!r} is empty", "write what to do"),
    "document-link": ("the link leads to {0}, which is not there", "correct the link"),
    "document-anchor": ("{1} has no heading #{0}", "use the anchor of one of its headings"),
    "document-marker": ("{0} is left over", "do it, or take it out"),
    "document-command": ("{0} is not there", "correct the command"),
    "document-reviewed": ("it was last reviewed {0} days ago", "review it, and write the date into it"),
}
