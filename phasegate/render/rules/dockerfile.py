"""Rules of Dockerfiles and Compose files."""

TEXTS = {
    "dockerfile-syntax": ("{0}", ""),
    "build-tools-shipped": (
        "the final image has what builds: {0}",
        "build in a stage of its own, and copy what it made",
    ),
    "no-user": (
        "no USER is set, so it runs as the user of {0}, which is root unless non_root names it",
        "USER with a uid other than 0",
    ),
    "runs-as-root": ("it runs as root: USER {0}", "USER with a uid other than 0"),
    "user-not-known": ("whom it runs as is not known: {0}", "a USER with a uid"),
    "no-healthcheck": ("nothing asks for its health", "HEALTHCHECK, or a probe of what runs it"),
    "healthcheck-cannot-fail": ("it has {0}", "a command that asks the program"),
    "base-unpinned": ("{0} has no tag that stays", "a version, or a digest"),
    "base-not-known": ("the image {0} is not known", "a default for its ARG"),
    "secret-in-env": ("{0} {1} holds a secret", "RUN --mount=type=secret, or give it at run time"),
    "secret-in-arg": ("ARG {0} is for a secret", "RUN --mount=type=secret"),
    "add-of-url": (
        "ADD {0} takes whatever is there",
        "ADD --checksum=..., or a tag or commit behind #",
    ),
    "add-of-local-file": ("ADD takes {0} from the context", "COPY"),
    "apt-cache": ("{0} leaves its lists in the image", "rm -rf /var/lib/apt/lists/* in the same RUN"),
    "apk-cache": ("{0} leaves its cache in the image", "apk add --no-cache"),
    "pip-cache": ("{0} leaves its cache in the image", "pip install --no-cache-dir"),
    "copy-without-ignore-file": (
        "{0} takes all of the context, and there is no .dockerignore",
        "a .dockerignore with .git, secrets and what is built",
    ),
    "sudo": ("RUN uses sudo", "USER root before, and the other user after it"),
    "command-repeated": ("{0} has no effect: line {1} has another", "one of them"),
    "entrypoint-in-shell-form": (
        "ENTRYPOINT runs {0} below a shell, so it gets no signal to stop",
        'ENTRYPOINT ["program", "argument"]',
    ),
    "command-not-json": ("{0} is not JSON, so a shell reads the brackets", "double quotes, and commas"),
    "compose-structure": ("this is no Compose file of services", "services, and below it a mapping for each"),
    "compose-no-healthcheck": (
        "service {0} has no healthcheck here",
        "a healthcheck with a test, unless its image has one",
    ),
    "compose-healthcheck-cannot-fail": (
        "service {0} has {1}",
        "a command that asks the program",
    ),
    "compose-privileged": ("service {0} is privileged", "cap_add with what it needs"),
    "compose-capabilities": ("service {0} adds the capability {1}", "leave it out"),
    "compose-host-namespaces": ("service {0} has {1}: host", "leave it out"),
    "compose-engine-socket": ("service {0} has the engine's socket {1}", "a proxy that lets little through"),
    "compose-image-unpinned": ("image {1} of service {0} has no tag that stays", "a version, or a digest"),
    "compose-image-not-known": (
        "image {1} of service {0} is not known",
        "a default for its variables",
    ),
    "compose-secret-in-environment": (
        "{1} of service {0} is a secret in plain text",
        "secrets, and the path in a variable that ends in _FILE",
    ),
    "compose-secret-in-command": ("{1} of service {0} holds {2}", "secrets, and a file in the command"),
    "compose-secret-file": ("the file of {0} is missing: {1}", "the path from the folder of this file"),
    "compose-env-file": ("service {0} has no file {1}", "the path, or required: false"),
    "compose-port-on-all-addresses": (
        "service {0} publishes {1} on all addresses of the host",
        "127.0.0.1:... where only this machine asks",
    ),
    "compose-no-restart": ("service {0} has no restart policy", "restart: unless-stopped"),
    "compose-no-memory-limit": ("service {0} has no limit of memory", "deploy.resources.limits.memory"),
}
