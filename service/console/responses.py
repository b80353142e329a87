"""The headers of every response of the console."""

CONTENT_SECURITY_POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self';"
    " form-action 'self'; frame-ancestors 'none'; base-uri 'none';"
    " require-trusted-types-for 'script'; trusted-types 'none'"
)

HEADERS = {
    "content-security-policy": CONTENT_SECURITY_POLICY,
    "referrer-policy": "no-referrer",
    "cross-origin-opener-policy": "same-origin",
    "cross-origin-resource-policy": "same-origin",
    "x-content-type-options": "nosniff",
    # pages show persons: no cache keeps them, and no back button after a sign-out
    "cache-control": "no-store",
}
"""Of a page: nothing inline, nothing from elsewhere, nothing kept."""

ROOT = "/console"
"""The path of the console."""

OWN = f"{ROOT}/-"
"""Below it is what belongs to no book; no book's name begins so."""
