"""Rules of Dockerfiles and Compose files."""

TEXTS = {
    "dockerfile-syntax": ("{0}", ""),
    "build-tools-shipped": (
        "the final image has what builds: {0}",
        "build in a stage of its own, and copy what it made",
    ),
    "no-user": (
        "no USER is set, so it runs as the user of {0}, which is root unless non_root names it",
        "set USER with a uid other than 0",
    ),
    "runs-as-root": ("it runs as root: USER {0}", "set USER with a uid other than 0"),
    "user-not-known": ("whom it runs as is not known: {0}", "set USER with a uid"),
    "no-healthcheck": ("nothing asks for its health", "write HEALTHCHECK, or a probe where it runs"),
    "healthcheck-cannot-fail": ("it has {0}", "run a command that asks the program"),
    "base-unpinned": ("{0} has no tag that stays", "name a version, or a digest"),
    "base-not-known": (
        "the image {0} is not known",
        "give its ARG a default, or name its value under variables in the plan",
    ),
    "secret-in-env": ("{0} {1} holds a secret", "use RUN --mount=type=secret, or give it at run time"),
    "secret-in-instruction": (
        "{0} holds a secret: {1}",
        "use RUN --mount=type=secret, or give it at run time",
    ),
    "secret-in-arg": ("ARG {0} is for a secret", "use RUN --mount=type=secret"),
    "add-of-url": (
        "ADD {0} takes whatever is there",
        "write ADD --checksum=..., or a tag or commit behind #",
    ),
    "add-of-local-file": ("ADD takes {0} from the context", "write COPY"),
    "apt-cache": ("{0} leaves its lists in the image", "remove /var/lib/apt/lists/* in the same RUN"),
    "apk-cache": ("{0} leaves its cache in the image", "write apk add --no-cache"),
    "pip-cache": ("{0} leaves its cache in the image", "write pip install --no-cache-dir"),
    "copy-without-ignore-file": (
        "{0} takes all of the context, and there is no .dockerignore",
        "write a .dockerignore with .git, secrets and what is built",
    ),
    "sudo": ("RUN uses sudo", "write USER root before, and the other user after it"),
    "command-repeated": ("{0} has no effect: line {1} has another", "keep one of them"),
    "entrypoint-in-shell-form": (
        "ENTRYPOINT runs {0} below a shell, so it gets no signal to stop",
        'write ENTRYPOINT ["program", "argument"]',
    ),
    "command-not-json": ("{0} is not JSON, so a shell reads the brackets", "write double quotes, and commas"),
    "compose-structure": (
        "this is not a Compose file with services",
        "write services, and below it a mapping for each",
    ),
    "compose-no-healthcheck": (
        "service {0} has no healthcheck here",
        "write one with a test, unless its image has one",
    ),
    "compose-healthcheck-cannot-fail": (
        "service {0} has {1}",
        "run a command that asks the program",
    ),
    "compose-privileged": ("service {0} is privileged", "write cap_add with what it needs"),
    "compose-capabilities": ("service {0} adds the capability {1}", "leave it out"),
    "compose-host-namespaces": ("service {0} has {1}: host", "leave it out"),
    "compose-engine-socket": (
        "service {0} has the engine's socket, or what leads to it: {1}",
        "put a proxy between that lets little through",
    ),
    "compose-reference": ("service {0} extends {1}, which is not there", "name a service that is there"),
    "compose-image-unpinned": (
        "image {1} of service {0} has no tag that stays",
        "name a version, or a digest",
    ),
    "compose-image-not-known": (
        "image {1} of service {0} is not known",
        "give its variables a default, or values under variables in the plan",
    ),
    "compose-secret-in-environment": (
        "{1} of service {0} is a secret in plain text",
        "use secrets, and name the path in a variable that ends in _FILE",
    ),
    "compose-secret-in-command": (
        "{1} of service {0} holds {2}",
        "use secrets, and name a file in the command",
    ),
    "compose-secret-file": ("the file of {0} is missing: {1}", "write the path from the folder of this file"),
    "compose-env-file": ("service {0} has no file {1}", "correct the path, or write required: false"),
    "compose-port-on-all-addresses": (
        "service {0} publishes {1} on all addresses of the host",
        "write 127.0.0.1:... where only this machine asks",
    ),
    "compose-no-restart": ("service {0} has no restart policy", "write restart: unless-stopped"),
    "compose-no-memory-limit": ("service {0} has no limit of memory", "set deploy.resources.limits.memory"),
}
