"""Users who look at the controller's health and at its functions; Locust gets their host from phasegate."""

from __future__ import annotations

from locust import FastHttpUser, constant, task


class Visitor(FastHttpUser):
    wait_time = constant(0.05)

    @task(3)
    def health(self) -> None:
        with self.client.get("/health", catch_response=True) as answer:
            if answer.status_code == 200 and answer.json()["status"] != "ok":
                answer.failure("the controller is not ok")

    @task(1)
    def functions(self) -> None:
        self.client.get("/api/v1/functions", name="functions")
