"""The kind `monitoring`: files of Prometheus, Alertmanager, Loki and Grafana."""
