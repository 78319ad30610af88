"""Rules of the kind `security`."""

TEXTS = {
    "web-hsts": (
        "the answer has no Strict-Transport-Security with a max-age of a year",
        "send Strict-Transport-Security: max-age=31536000; includeSubDomains",
    ),
    "web-csp": (
        "the page has no Content-Security-Policy that protects it: {0}",
        "send one with nonces or hashes",
    ),
    "web-nosniff": (
        "the answer lets browsers guess its content type",
        "send X-Content-Type-Options: nosniff",
    ),
    "web-referrer": (
        "the page does not say what the Referer tells others",
        "send Referrer-Policy: strict-origin-when-cross-origin, or stricter",
    ),
    "web-frames": (
        "any site may show the page in a frame",
        "send Content-Security-Policy: frame-ancestors 'none', or those that may",
    ),
    "web-cors": (
        "a foreign origin that asks is let in, {0}",
        "answer with Access-Control-Allow-Origin for known origins only",
    ),
    "web-cookie-secure": ("cookie {0} may go over plain HTTP", "set it with Secure"),
    "web-cookie-samesite": ("cookie {0} goes along with requests of other sites", "set it with SameSite=Lax"),
    "web-cookie-httponly": ("scripts can read cookie {0}", "set it with HttpOnly"),
    "web-tls-old": ("the server takes {0}", "refuse every version below TLS 1.2"),
    "web-tls-new": ("the server does not offer TLS 1.3", "offer it"),
    "web-certificate": (
        "the certificate is not trusted: {0}",
        "use one for this name, of a trusted authority",
    ),
    "web-certificate-expiry": ("the certificate expires in {0} days", "renew it, and let a program do so"),
    "web-https": ("plain HTTP answers with status {0} and does not lead to HTTPS", "redirect it to HTTPS"),
    "web-trace": ("TRACE sends back what was sent", "refuse the method"),
    "web-exposed": ("{0} is served to everybody", "take it out of what is served"),
    "web-stack-trace": ("an error page shows internals of {0}", "show a page without them"),
    "web-version": ("header {0} names a version: {1}", "leave the version out"),
}
