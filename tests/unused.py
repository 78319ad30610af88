"""For vulture, never run: names of the package that something else than its code uses, by who does."""
# ruff: noqa: B018, F821

# `kinds.KINDS`, by their place
(
    Api,
    CommandKind,
    ContainersKind,
    DatabaseKind,
    DockerfileKind,
    DocumentsKind,
    E2e,
    ImageKind,
    KubernetesKind,
    Load,
)
(
    LogsKind,
    MonitoringKind,
    OpenApiKind,
    PipelineKind,
    PrometheusKind,
    QueryKind,
    ResourcesKind,
    ScanKind,
    SecurityKind,
)
(ComposeKind, ContainersKind, External)  # `targets.kinds`, likewise
(list_, signoff, render_strict)  # the tables of commands and of formats, likewise
(MARKDOWN, REMOVING)  # whoever writes the value of an enumeration
(latency_p50, latency_p95, latency_p99, impact, likelihood, tool_version)  # pydantic and JSON, by field
(label_at, bands, x_ticks, y_ticks, check_anchor)  # templates
(hidden_parts, heading, anything_ran, timelines, hidden_evidence)  # templates
(get_cache_key, dump_bytecode)  # jinja2
(arg_types, return_type, function_extensions)  # jsonpath
(nullable_schema, default_schema, field_title_should_be_set)  # pydantic's generator of schemas
(pipe_data_received, pipe_connection_lost, process_exited, eof_received, preexec_fn)  # asyncio
(trust_env, unraisablehook)  # requests, Python
(whitespace_split,)  # shlex
